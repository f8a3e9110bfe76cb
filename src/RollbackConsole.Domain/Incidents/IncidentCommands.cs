using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Domain.Signals;

namespace RollbackConsole.Domain.Incidents;

public abstract record IncidentCommand(Person By, DateTimeOffset At);

/// <param name="Classification">Null when neither a severity nor a signal was given; the decider refuses that.</param>
/// <param name="Escalation">Who is called; null when the library has none.</param>
public sealed record DeclareIncident(
    string Id, int Number, string Title, string Service, string Environment, SignalSet? Signals, Classification? Classification, Escalation? Escalation,
    Person By, DateTimeOffset At) : IncidentCommand(By, At);

/// <summary>Sets the severity anew and restarts the clock.</summary>
public sealed record Reclassify(SignalSet? Signals, Classification? Classification, string? Reason, Person By, DateTimeOffset At) : IncidentCommand(By, At);

/// <summary>Sets the severity when it is worse than the present one; otherwise nothing happens.</summary>
public sealed record Raise(SignalSet? Signals, Classification Classification, string Reason, Person By, DateTimeOffset At) : IncidentCommand(By, At);

/// <param name="Hold">For <see cref="Choice.Hold"/>: how long; null takes the severity's own time.</param>
public sealed record DecideIncident(Choice Choice, string Reason, TimeSpan? Hold, Person By, DateTimeOffset At) : IncidentCommand(By, At);

public sealed record Acknowledge(Person By, DateTimeOffset At) : IncidentCommand(By, At);

/// <summary>Time has passed.</summary>
/// <param name="Firing">Fingerprints of the alerts that fire at this moment.</param>
public sealed record LetTimePass(bool SymptomSeen, IReadOnlySet<string> Firing, DateTimeOffset At) : IncidentCommand(Person.Console, At);

/// <param name="Fired">Alerts that began to fire and may have ended since; one that is new here must be told even when it is over already.</param>
public sealed record TakeAlerts(IReadOnlyList<Alert> Alerts, IReadOnlySet<string> Fired, DateTimeOffset At) : IncidentCommand(Person.Console, At);

public sealed record MarkSymptomGone(string Reason, Person By, DateTimeOffset At) : IncidentCommand(By, At);

public sealed record AssignCommander(Person Commander, Person By, DateTimeOffset At) : IncidentCommand(By, At);

public sealed record AssignRole(IncidentRole Role, Person? Holder, Person By, DateTimeOffset At) : IncidentCommand(By, At);

public sealed record AddNote(string Text, Person By, DateTimeOffset At) : IncidentCommand(By, At);

public sealed record PinRow(long Position, bool Pinned, Person By, DateTimeOffset At) : IncidentCommand(By, At);

public sealed record CheckItem(ItemList List, string Item, string Text, Person By, DateTimeOffset At) : IncidentCommand(By, At);

/// <summary>Something went so wrong that the next level is called at once, acknowledged or not.</summary>
public sealed record CallNextLevel(string Because, Person By, DateTimeOffset At) : IncidentCommand(By, At);

/// <param name="Kind"><c>requested</c>, <c>rejected</c>, <c>expired</c>, <c>aborted</c> before it began, or <c>withdrawn</c> because another does the same.</param>
public sealed record LinkRun(string RunId, string Plan, string Kind, string Summary, Person By, DateTimeOffset At) : IncidentCommand(By, At);

/// <param name="Failure">Null when the contact was told.</param>
public sealed record ReportDelivery(string Delivery, string Contact, string Channel, int Attempts, string? Failure, DateTimeOffset At) : IncidentCommand(Person.Console, At);

public sealed record ResolveIncident(string Summary, Person By, DateTimeOffset At) : IncidentCommand(By, At);

public sealed record CloseIncident(Person By, DateTimeOffset At) : IncidentCommand(By, At);

/// <summary>A run of this incident was started without approval.</summary>
public sealed record OweReview(string RunId, string Plan, string Reason, DateTimeOffset DueAt, Person By, DateTimeOffset At) : IncidentCommand(By, At);

public sealed record ReviewBreakGlass(string RunId, string Findings, Person By, DateTimeOffset At) : IncidentCommand(By, At);
