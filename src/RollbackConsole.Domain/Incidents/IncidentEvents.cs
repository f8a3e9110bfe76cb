using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Severity;

namespace RollbackConsole.Domain.Incidents;

[EventKind("incident.declared")]
public sealed record IncidentDeclared(string Id, int Number, string Title, string Service, string Environment, Person By, DateTimeOffset At) : IEvent;

[EventKind("incident.classified")]
public sealed record IncidentClassified(
    Level Severity, Advice Action, DateTimeOffset DecideBy, Severity.Signals? Signals, IReadOnlyList<FiredRule> Rules, Person By, string? Reason, DateTimeOffset At) : IEvent;

[EventKind("incident.commander.assigned")]
public sealed record CommanderAssigned(Person Commander, Person By, DateTimeOffset At) : IEvent;

[EventKind("incident.note.added")]
public sealed record NoteAdded(string Text, Person By, DateTimeOffset At) : IEvent;

[EventKind("incident.run.linked")]
public sealed record RunLinked(string RunId, string Plan, string Kind, string Summary, Person By, DateTimeOffset At) : IEvent;

[EventKind("incident.resolved")]
public sealed record IncidentResolved(string Summary, Person By, DateTimeOffset At) : IEvent;

[EventKind("incident.closed")]
public sealed record IncidentClosed(Person By, DateTimeOffset At) : IEvent;
