using RollbackConsole.Domain.Approvals;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Plans;

namespace RollbackConsole.Domain.Runs;

[EventKind("run.requested")]
public sealed record RunRequested(
    string Id, string IncidentId, Plan Plan, int PlanVersion, string PlanDigest, string Service, string Environment,
    IReadOnlyDictionary<string, string> Parameters, bool DryRun, string Reason, string Digest,
    IReadOnlyList<ApprovalRequirement> Requirements, Person By, DateTimeOffset At) : IEvent;

[EventKind("run.approval.given")]
public sealed record ApprovalGiven(string Group, string Digest, string Comment, Person By, DateTimeOffset At) : IEvent;

[EventKind("run.approval.refused")]
public sealed record ApprovalRefused(string Group, string Digest, string Comment, Person By, DateTimeOffset At) : IEvent;

/// <summary>Everything that the policy asked for is there; the engine may take the run.</summary>
[EventKind("run.queued")]
public sealed record RunQueued(DateTimeOffset At) : IEvent;

/// <summary>A node took the run. Whoever held it under a smaller epoch can no longer append.</summary>
[EventKind("run.leased")]
public sealed record RunLeased(string Node, int Epoch, DateTimeOffset At) : IEvent;

[EventKind("run.step.started")]
public sealed record StepStarted(string Step, int Attempt, DateTimeOffset At) : IEvent;

/// <param name="IntegrityDiffers">The step compared data and found a difference: no outcome better than failed is left.</param>
[EventKind("run.step.finished")]
public sealed record StepFinished(
    string Step, int Attempt, StepStatus Status, int? ExitCode, string Summary, IReadOnlyDictionary<string, string> Outputs,
    bool IntegrityDiffers, DateTimeOffset At) : IEvent;

[EventKind("run.step.retry.scheduled")]
public sealed record StepRetryScheduled(string Step, int NextAttempt, DateTimeOffset NotBefore, DateTimeOffset At) : IEvent;

/// <summary>A crash interrupted an idempotent step; it runs again.</summary>
[EventKind("run.step.interrupted")]
public sealed record StepInterrupted(string Step, int Attempt, string Because, DateTimeOffset At) : IEvent;

[EventKind("run.step.confirmed")]
public sealed record StepConfirmed(string Step, int Attempt, IReadOnlyList<string> Items, Person By, DateTimeOffset At) : IEvent;

[EventKind("run.step.retry.ordered")]
public sealed record StepRetryOrdered(string Step, string Reason, Person By, DateTimeOffset At) : IEvent;

[EventKind("run.step.skipped")]
public sealed record StepSkipped(string Step, string Reason, Person By, DateTimeOffset At) : IEvent;

[EventKind("run.step.outcome.settled")]
public sealed record StepOutcomeSettled(string Step, StepStatus Status, string Reason, Person By, DateTimeOffset At) : IEvent;

[EventKind("run.paused")]
public sealed record RunPaused(string Reason, Person By, DateTimeOffset At) : IEvent;

[EventKind("run.resumed")]
public sealed record RunResumed(string Reason, Person By, DateTimeOffset At) : IEvent;

[EventKind("run.abort.requested")]
public sealed record AbortRequested(string Reason, Person By, DateTimeOffset At) : IEvent;

[EventKind("run.decision.needed")]
public sealed record DecisionNeeded(string Step, string Because, DateTimeOffset At) : IEvent;

/// <summary>The plan cannot be carried out; what was done is taken back and the recovery steps run.</summary>
[EventKind("run.recovery.started")]
public sealed record RecoveryStarted(string Step, string Because, DateTimeOffset At) : IEvent;

[EventKind("run.finished")]
public sealed record RunFinished(RunOutcome Outcome, string Summary, DateTimeOffset At) : IEvent;
