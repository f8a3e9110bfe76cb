using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Domain.Signals;

namespace RollbackConsole.Domain.Incidents;

[EventKind("incident.declared")]
public sealed record IncidentDeclared(string Id, int Number, string Title, string Service, string Environment, Person By, DateTimeOffset At) : IEvent;

[EventKind("incident.classified")]
public sealed record IncidentClassified(
    Level Severity, Advice Action, DateTimeOffset DecideBy, SignalSet? Signals, IReadOnlyList<FiredRule> Rules, Person By, string? Reason, DateTimeOffset At) : IEvent;

/// <param name="HoldUntil">For <see cref="Choice.Hold"/>: when the clock runs out again.</param>
[EventKind("incident.decided")]
public sealed record IncidentDecided(Choice Choice, string Reason, DateTimeOffset? HoldUntil, Person By, DateTimeOffset At) : IEvent;

[EventKind("incident.decision.overdue")]
public sealed record DecisionOverdue(DateTimeOffset DueAt, DateTimeOffset At) : IEvent;

/// <summary>The escalation as it stood then: the incident explains itself, whatever happens to the library later.</summary>
[EventKind("incident.escalation.started")]
public sealed record EscalationStarted(Escalation Escalation, DateTimeOffset At) : IEvent;

/// <param name="Calls">Whom the level calls now; empty when it reaches nobody.</param>
[EventKind("incident.escalated")]
public sealed record IncidentEscalated(int Level, string Name, string Responder, string Authority, IReadOnlyList<EscalationContact> Calls, string Because, DateTimeOffset At) : IEvent;

[EventKind("incident.escalation.exhausted")]
public sealed record EscalationExhausted(DateTimeOffset At) : IEvent;

[EventKind("incident.acknowledged")]
public sealed record IncidentAcknowledged(int Level, Person By, DateTimeOffset At) : IEvent;

/// <param name="Delivery">The outbox's id of the message.</param>
[EventKind("incident.contact.told")]
public sealed record ContactTold(string Delivery, string Contact, string Channel, int Attempts, DateTimeOffset At) : IEvent;

[EventKind("incident.contact.missed")]
public sealed record ContactMissed(string Delivery, string Contact, string Channel, string Because, DateTimeOffset At) : IEvent;

[EventKind("incident.alert.fired")]
public sealed record AlertFired(Alert Alert, DateTimeOffset At) : IEvent;

[EventKind("incident.alert.resolved")]
public sealed record AlertResolved(string Fingerprint, string Name, DateTimeOffset EndedAt, DateTimeOffset At) : IEvent;

[EventKind("incident.alert.flapping")]
public sealed record AlertFlapping(string Fingerprint, string Name, int Fires, DateTimeOffset At) : IEvent;

/// <summary>A flapping alert kept one state for long enough to be told again.</summary>
[EventKind("incident.alert.steady")]
public sealed record AlertSteady(string Fingerprint, string Name, bool Firing, DateTimeOffset At) : IEvent;

/// <summary>The first answer did not help in its time and the symptom is still there.</summary>
[EventKind("incident.level.moved")]
public sealed record LevelMoved(int From, int To, string Because, DateTimeOffset At) : IEvent;

/// <summary>The time for the next level came, and the symptom was gone.</summary>
[EventKind("incident.level.kept")]
public sealed record LevelKept(int Level, string Because, DateTimeOffset At) : IEvent;

[EventKind("incident.symptom.gone")]
public sealed record SymptomGone(string Reason, Person By, DateTimeOffset At) : IEvent;

[EventKind("incident.commander.assigned")]
public sealed record CommanderAssigned(Person Commander, Person By, DateTimeOffset At) : IEvent;

/// <param name="Holder">Null when the role is laid down.</param>
[EventKind("incident.role.assigned")]
public sealed record RoleAssigned(IncidentRole Role, Person? Holder, Person By, DateTimeOffset At) : IEvent;

/// <summary>A run was started without approval; somebody has to look at that decision afterwards.</summary>
[EventKind("incident.review.due")]
public sealed record ReviewDue(string RunId, string Plan, string Reason, DateTimeOffset DueAt, Person By, DateTimeOffset At) : IEvent;

[EventKind("incident.review.reminded")]
public sealed record ReviewReminded(string RunId, int Reminder, DateTimeOffset DueAt, DateTimeOffset At) : IEvent;

[EventKind("incident.review.done")]
public sealed record ReviewDone(string RunId, string Findings, Person By, DateTimeOffset At) : IEvent;

[EventKind("incident.note.added")]
public sealed record NoteAdded(string Text, Person By, DateTimeOffset At) : IEvent;

/// <param name="Position">The journal row that is pinned to the top of the timeline.</param>
[EventKind("incident.row.pinned")]
public sealed record RowPinned(long Position, bool Pinned, Person By, DateTimeOffset At) : IEvent;

[EventKind("incident.item.done")]
public sealed record ItemDone(ItemList List, string Item, string Title, string Text, Person By, DateTimeOffset At) : IEvent;

[EventKind("incident.run.linked")]
public sealed record RunLinked(string RunId, string Plan, string Kind, string Summary, Person By, DateTimeOffset At) : IEvent;

[EventKind("incident.resolved")]
public sealed record IncidentResolved(string Summary, Person By, DateTimeOffset At) : IEvent;

[EventKind("incident.closed")]
public sealed record IncidentClosed(Person By, DateTimeOffset At) : IEvent;
