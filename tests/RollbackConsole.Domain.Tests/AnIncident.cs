using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Domain.Signals;

namespace RollbackConsole.Domain.Tests;

/// <summary>Incidents in named states.</summary>
internal static class AnIncident
{
    public static readonly DateTimeOffset Noon = ARun.Noon;
    public static readonly Person Somebody = new("s", "Somebody");

    /// <summary>Level 1 at once and after 15 minutes, level 2 at 30 by its contact's own wait, level 3 reaches nobody.</summary>
    public static readonly Escalation Calls = new("test", "Test", "", [
        new(1, "Technical", "On-call", TimeSpan.FromMinutes(15), "standard", [Contact("first", 0), Contact("second", 15)]),
        new(2, "Senior", "Lead", TimeSpan.FromMinutes(30), "complex", [Contact("lead", 20)]),
        new(3, "Executive", "CTO", TimeSpan.FromMinutes(55), "all", []),
    ], [new("assess", "Assess", TimeSpan.Zero, [])], [new("logs", "Logs", "")], []);

    public static Classification At(Level level, params FiredRule[] rules) => new(level, (Advice)level, TimeSpan.FromMinutes(level switch { Level.Critical => 5, Level.High => 15, Level.Medium => 30, _ => 60 }), rules);

    public static Incident Declared(Level level = Level.High, Escalation? escalation = null, params FiredRule[] rules) => Incident.None.Do(
        new DeclareIncident("i", 1, "Title", "shop", "production", null, At(level, rules), escalation, Somebody, Noon));

    public static Incident Do(this Incident incident, IncidentCommand command)
    {
        var decision = IncidentDecider.Decide(incident, command);
        Assert.True(decision.Refusal is null, decision.Refusal?.Reason);
        return decision.Events.Aggregate(incident, Incident.Apply);
    }

    public static Refusal Refused(this Incident incident, IncidentCommand command)
    {
        var decision = IncidentDecider.Decide(incident, command);
        Assert.Empty(decision.Events);
        return decision.Refusal!;
    }

    public static IReadOnlyList<IEvent> Pass(this Incident incident, double minutes, bool symptom = false) => IncidentDecider.Decide(incident, new LetTimePass(symptom, new HashSet<string>(StringComparer.Ordinal), Noon.AddMinutes(minutes))).Events;

    public static Alert Alert(string fingerprint, bool firing = true, double startsAt = 0, Level severity = Level.High) =>
        new(fingerprint, "HighErrorRate", "shop", "production", severity, TriggerAction.Immediate, firing, Noon.AddMinutes(startsAt), firing ? null : Noon.AddMinutes(startsAt + 1), "Requests fail", null);

    private static EscalationContact Contact(string id, double after) => new(id, id, TimeSpan.FromMinutes(after), "webhook", "@" + id);
}
