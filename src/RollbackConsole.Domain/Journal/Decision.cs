namespace RollbackConsole.Domain.Journal;

/// <summary>Why a command was refused; each kind has one HTTP status at the edge.</summary>
public enum RefusalKind
{
    /// <summary>The command itself is wrong (400).</summary>
    Invalid,
    /// <summary>This person may not do it (403).</summary>
    Forbidden,
    /// <summary>What it names is not there (404).</summary>
    NotFound,
    /// <summary>Stale, or not legal in the present state (409).</summary>
    Conflict,
}

/// <summary>A refusal with a sentence that a person can act on.</summary>
public sealed record Refusal(RefusalKind Kind, string Reason, string? Field = null);

/// <summary>What a decider answers: the events to append, or a refusal. Never both, never silence.</summary>
public sealed record Decision
{
    public IReadOnlyList<IEvent> Events { get; private init; } = [];

    public Refusal? Refusal { get; private init; }

    public static Decision Accept(params IReadOnlyList<IEvent> events) => new() { Events = events };

    public static Decision Refuse(RefusalKind kind, string reason, string? field = null) =>
        new() { Refusal = new Refusal(kind, reason, field) };

    public static Decision Conflict(string reason) => Refuse(RefusalKind.Conflict, reason);
}

/// <summary>Thrown at the edge of a command that was refused; pages and the API turn it into an answer.</summary>
public sealed class RefusedException(Refusal refusal) : Exception(refusal.Reason)
{
    public RefusedException(RefusalKind kind, string reason, string? field = null) : this(new Refusal(kind, reason, field)) { }

    public Refusal Refusal { get; } = refusal;
}
