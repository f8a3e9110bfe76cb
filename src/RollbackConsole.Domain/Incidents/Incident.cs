using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Severity;

namespace RollbackConsole.Domain.Incidents;

public enum IncidentStatus { Open, Resolved, Closed }

/// <summary>An incident as its events tell it.</summary>
public sealed record Incident
{
    public static readonly Incident None = new();

    public string Id { get; init; } = "";
    public int Number { get; init; }
    public string Title { get; init; } = "";
    public string Service { get; init; } = "";
    public string Environment { get; init; } = "";
    public Level Severity { get; init; }
    public Advice Action { get; init; }
    public DateTimeOffset DecideBy { get; init; }
    public IReadOnlyList<FiredRule> Rules { get; init; } = [];
    public IncidentStatus Status { get; init; }
    public Person? Commander { get; init; }
    public Person? DeclaredBy { get; init; }
    public DateTimeOffset DeclaredAt { get; init; }
    public DateTimeOffset? ResolvedAt { get; init; }

    /// <summary>When somebody asked for a run, the decision was taken: the clock stops here.</summary>
    public DateTimeOffset? DecidedAt { get; init; }

    public bool Exists => Id.Length > 0;

    public static Incident Apply(Incident state, IEvent e) => e switch
    {
        IncidentDeclared d => state with
        {
            Id = d.Id,
            Number = d.Number,
            Title = d.Title,
            Service = d.Service,
            Environment = d.Environment,
            Status = IncidentStatus.Open,
            DeclaredBy = d.By,
            DeclaredAt = d.At,
        },
        IncidentClassified c => state with
        {
            Severity = c.Severity,
            Action = c.Action,
            DecideBy = c.DecideBy,
            Rules = c.Rules,
            DecidedAt = null,
        },
        CommanderAssigned c => state with { Commander = c.Commander },
        RunLinked { Kind: "requested" } r => state with { DecidedAt = state.DecidedAt ?? r.At },
        IncidentResolved r => state with { Status = IncidentStatus.Resolved, ResolvedAt = r.At },
        IncidentClosed => state with { Status = IncidentStatus.Closed },
        NoteAdded or RunLinked => state,
        _ => throw new InvalidOperationException($"{e.GetType().Name} does not belong to an incident."),
    };
}
