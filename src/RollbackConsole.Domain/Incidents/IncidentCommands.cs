using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Severity;

namespace RollbackConsole.Domain.Incidents;

public abstract record IncidentCommand(Person By, DateTimeOffset At);

public sealed record DeclareIncident(
    string Id, int Number, string Title, string Service, string Environment, Severity.Signals? Signals, Level? Severity,
    Person By, DateTimeOffset At) : IncidentCommand(By, At);

/// <summary>Sets the severity by a person's word (<see cref="Severity"/>) or from signals.</summary>
public sealed record Reclassify(Severity.Signals? Signals, Level? Severity, string? Reason, Person By, DateTimeOffset At) : IncidentCommand(By, At);

public sealed record AssignCommander(Person Commander, Person By, DateTimeOffset At) : IncidentCommand(By, At);

public sealed record AddNote(string Text, Person By, DateTimeOffset At) : IncidentCommand(By, At);

/// <param name="Kind"><c>requested</c>, <c>approved</c>, <c>rejected</c>, <c>finished</c> and the like.</param>
public sealed record LinkRun(string RunId, string Plan, string Kind, string Summary, Person By, DateTimeOffset At) : IncidentCommand(By, At);

public sealed record ResolveIncident(string Summary, Person By, DateTimeOffset At) : IncidentCommand(By, At);

public sealed record CloseIncident(Person By, DateTimeOffset At) : IncidentCommand(By, At);
