using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Severity;

namespace RollbackConsole.Domain.Incidents;

/// <summary>Which command is legal in which state of an incident, and what it makes happen.</summary>
public static class IncidentDecider
{
    /// <summary>Characters; a title is read at a glance.</summary>
    public const int LongestTitle = 200;

    /// <summary>Characters; longer evidence belongs into an attachment.</summary>
    public const int LongestNote = 8000;

    /// <summary>Characters in a service or environment name.</summary>
    public const int LongestName = 100;

    public static Decision Decide(Incident s, IncidentCommand command) => command switch
    {
        DeclareIncident when s.Exists => Decision.Conflict("This incident was declared already."),
        DeclareIncident d => Declare(d),
        _ when !s.Exists => Decision.Refuse(RefusalKind.NotFound, "There is no such incident."),
        // A run that was on its way when the incident closed still reports its end into the timeline.
        LinkRun l => Decision.Accept(new RunLinked(l.RunId, l.Plan, l.Kind, l.Summary, l.By, l.At)),
        _ when s.Status == IncidentStatus.Closed => Decision.Conflict($"Incident {s.Number} is closed; declare a new one."),
        Reclassify r => Classify(r),
        AssignCommander a when a.Commander == s.Commander => Decision.Conflict($"{a.Commander.Name} has command already."),
        AssignCommander a => Decision.Accept(new CommanderAssigned(a.Commander, a.By, a.At)),
        AddNote n => Note(n),
        ResolveIncident when s.Status == IncidentStatus.Resolved => Decision.Conflict($"Incident {s.Number} is resolved already."),
        ResolveIncident r => Decision.Accept(new IncidentResolved(r.Summary, r.By, r.At)),
        CloseIncident when s.Status == IncidentStatus.Open => Decision.Conflict($"Resolve incident {s.Number} before closing it."),
        CloseIncident c => Decision.Accept(new IncidentClosed(c.By, c.At)),
        _ => throw new InvalidOperationException($"Unknown command {command.GetType().Name}."),
    };

    private static Decision Declare(DeclareIncident d)
    {
        if (Bad(d.Title, LongestTitle) is { } title) return Decision.Refuse(RefusalKind.Invalid, $"The title {title}.", "title");
        if (Bad(d.Service, LongestName) is { } service) return Decision.Refuse(RefusalKind.Invalid, $"The service {service}.", "service");
        if (Bad(d.Environment, LongestName) is { } env) return Decision.Refuse(RefusalKind.Invalid, $"The environment {env}.", "environment");
        var classified = Classify(new Reclassify(d.Signals, d.Severity, null, d.By, d.At));
        if (classified.Refusal is not null) return classified;
        return Decision.Accept([
            new IncidentDeclared(d.Id, d.Number, d.Title.Trim(), d.Service.Trim(), d.Environment.Trim(), d.By, d.At), .. classified.Events]);
    }

    private static Decision Classify(Reclassify r)
    {
        Classification? fromSignals;
        try { fromSignals = r.Signals is null ? null : SeverityMatrix.Evaluate(r.Signals); }
        catch (ArgumentOutOfRangeException e) { return Decision.Refuse(RefusalKind.Invalid, e.Message, "signals." + char.ToLowerInvariant(e.ParamName![0]) + e.ParamName[1..]); }

        if (r.Severity is null && fromSignals is null)
            return Decision.Refuse(RefusalKind.Invalid, "Give a severity, or at least one signal to find it from.", "severity");
        // A person's word stands over the matrix; the rules that fired stay visible beside it.
        var level = r.Severity ?? fromSignals!.Severity;
        return Decision.Accept(new IncidentClassified(level, SeverityMatrix.AdviceFor(level), r.At + SeverityMatrix.DecideWithin(level),
            r.Signals, fromSignals?.Rules ?? [], r.By, r.Reason, r.At));
    }

    private static Decision Note(AddNote n) => Bad(n.Text, LongestNote) is { } bad
        ? Decision.Refuse(RefusalKind.Invalid, $"The note {bad}.", "text")
        : Decision.Accept(new NoteAdded(n.Text.Trim(), n.By, n.At));

    private static string? Bad(string? text, int longest) =>
        string.IsNullOrWhiteSpace(text) ? "is missing"
        : text.Trim().Length > longest ? $"has {text.Trim().Length} characters; {longest} are the most"
        : null;
}
