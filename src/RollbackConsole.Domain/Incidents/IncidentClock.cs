using RollbackConsole.Domain.Journal;

namespace RollbackConsole.Domain.Incidents;

/// <summary>What happens by the passing of time alone: the decision falls due, the next level is called, the next answer is recommended.
/// Whoever asks, and however often: at one moment everything that is due happens once.</summary>
public static class IncidentClock
{
    /// <param name="symptomSeen">Monitoring still shows the symptom.</param>
    public static IReadOnlyList<IEvent> Due(Incident s, bool symptomSeen, DateTimeOffset now)
    {
        if (!s.Exists || s.Status != IncidentStatus.Open) return [];
        var events = new List<IEvent>();
        var state = s;
        void Happen(IEvent e)
        {
            events.Add(e);
            state = Incident.Apply(state, e);
        }

        if (state.ClockRuns && state.OverdueAt is null && now >= state.DecideBy)
        {
            Happen(new DecisionOverdue(state.DecideBy, now));
            if (state.Escalation is { Levels.Count: > 0 } escalation)
                Happen(Call(escalation.Levels[Math.Min(state.LevelReached, escalation.Levels.Count - 1)], _ => true, "the time to decide is over", now));
        }
        foreach (var call in Waited(state, now).ToList()) Happen(call);
        if (state is { Escalation.Levels: [.., var last], Acknowledged: null, Exhausted: false } && now >= state.EscalationFrom + last.Until) Happen(new EscalationExhausted(now));
        if (state is { ThenAt: { } thenAt, ThenLevel: { } next, RollbackLevel: { } level } && now >= thenAt)
            Happen(symptomSeen || (state.Signals.Any && state.SymptomGoneAt is null)
                ? new LevelMoved(level, next, "its time is over and the symptom is still there", now)
                : new LevelKept(level, "the symptom is gone", now));
        return events;
    }

    public static DateTimeOffset? NextDue(Incident s)
    {
        if (!s.Exists || s.Status != IncidentStatus.Open) return null;
        var due = new List<DateTimeOffset>();
        if (s.ClockRuns && s.OverdueAt is null) due.Add(s.DecideBy);
        if (s.ThenAt is { } then) due.Add(then);
        if (s is { Escalation: { Levels: [.., var last] } escalation, Acknowledged: null })
        {
            foreach (var level in escalation.Levels)
            {
                if (level.Contacts.Count == 0 && level.Number > s.LevelReached) due.Add(s.EscalationFrom + escalation.ReachedAt(level));
                due.AddRange(level.Contacts.Where(c => !s.Called.Contains(CallKey(level.Number, c))).Select(c => s.EscalationFrom + escalation.CalledAt(level, c)));
            }
            if (!s.Exhausted) due.Add(s.EscalationFrom + last.Until);
        }
        return due.Count == 0 ? null : due.Min();
    }

    internal static string CallKey(int level, EscalationContact contact) => $"{level}/{contact.Id}";

    private static IEnumerable<IncidentEscalated> Waited(Incident s, DateTimeOffset now)
    {
        if (s is not { Escalation: { } escalation, Acknowledged: null }) yield break;
        var waited = now - s.EscalationFrom;
        foreach (var level in escalation.Levels.Where(l => escalation.ReachedAt(l) <= waited))
        {
            var calls = level.Contacts.Where(c => escalation.CalledAt(level, c) <= waited && !s.Called.Contains(CallKey(level.Number, c))).ToList();
            // A level without contacts is told, too: it reaches nobody, and people must see that.
            if (calls.Count > 0 || (level.Contacts.Count == 0 && level.Number > s.LevelReached))
                yield return Call(level, calls.Contains, level.Number == 1 ? "the incident was declared" : $"nobody acknowledged within {Library.Duration.Format(escalation.ReachedAt(level))}", now);
        }
    }

    private static IncidentEscalated Call(EscalationLevel level, Func<EscalationContact, bool> who, string because, DateTimeOffset now) =>
        new(level.Number, level.Name, level.Responder, level.Authority, [.. level.Contacts.Where(who)], because, now);
}
