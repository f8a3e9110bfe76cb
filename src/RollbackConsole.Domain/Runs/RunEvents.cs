using RollbackConsole.Domain.Approvals;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Plans;

namespace RollbackConsole.Domain.Runs;

[EventKind("run.requested")]
public sealed record RunRequested(
    string Id, string IncidentId, Plan Plan, int PlanVersion, string PlanDigest, string Service, string Environment,
    IReadOnlyDictionary<string, string> Parameters, bool DryRun, string Reason, string Digest,
    IReadOnlyList<ApprovalRequirement> Requirements, Person By, DateTimeOffset At, PolicyVerdict? Policy = null, IReadOnlyList<string>? RequesterGroups = null) : IEvent;

/// <summary>The policies, or the incident's severity, changed while the run waited: this is what is asked now.</summary>
[EventKind("run.policy.changed")]
public sealed record RunPolicyChanged(PolicyVerdict Policy, DateTimeOffset At) : IEvent;

/// <summary>Somebody looks at the request, so that two do not dig into the same one.</summary>
[EventKind("run.approval.claimed")]
public sealed record ApprovalClaimed(Person By, DateTimeOffset At) : IEvent;

/// <param name="Items">What the approver ticked.</param>
/// <param name="Reference">The number or link of a decision taken elsewhere.</param>
[EventKind("run.approval.given")]
public sealed record ApprovalGiven(string Group, string Digest, string Comment, Person By, DateTimeOffset At, IReadOnlyList<string>? Items = null, string? Reference = null) : IEvent;

/// <summary>Started without the approvals that were missing, on one person's word.</summary>
/// <param name="Missing">The approvals that nobody gave.</param>
[EventKind("run.glass.broken")]
public sealed record GlassBroken(string Reason, string Digest, IReadOnlyList<string> Missing, DateTimeOffset ReviewBy, Person By, DateTimeOffset At) : IEvent;

[EventKind("run.approval.refused")]
public sealed record ApprovalRefused(string Group, string Digest, string Comment, Person By, DateTimeOffset At) : IEvent;

/// <summary>Everything that the policy asked for is there; the engine may take the run.</summary>
/// <param name="NotBefore">When the maintenance window opens; null for at once.</param>
/// <param name="GoodUntil">When the approval grows stale if nothing has started by then.</param>
[EventKind("run.queued")]
public sealed record RunQueued(DateTimeOffset At, DateTimeOffset? NotBefore = null, DateTimeOffset? GoodUntil = null) : IEvent;

/// <summary>A node took the run. Whoever held it under a smaller epoch can no longer append.</summary>
[EventKind("run.leased")]
public sealed record RunLeased(string Node, int Epoch, DateTimeOffset At) : IEvent
{
    /// <summary>The machine: what was left running there can be ended there.</summary>
    public string? Host { get; init; }
}

[EventKind("run.step.started")]
public sealed record StepStarted(string Step, int Attempt, DateTimeOffset At) : IEvent;

/// <param name="IntegrityDiffers">The step compared data and found a difference: no outcome better than failed is left.</param>
[EventKind("run.step.finished")]
public sealed record StepFinished(
    string Step, int Attempt, StepStatus Status, int? ExitCode, string Summary, IReadOnlyDictionary<string, string> Outputs,
    bool IntegrityDiffers, DateTimeOffset At) : IEvent;

[EventKind("run.step.retry.scheduled")]
public sealed record StepRetryScheduled(string Step, int NextAttempt, DateTimeOffset NotBefore, DateTimeOffset At) : IEvent;

/// <summary>The node stops in good order and gives the run away; no step of it was running any more.</summary>
[EventKind("run.handed.over")]
public sealed record RunHandedOver(string Node, int Epoch, DateTimeOffset At) : IEvent;

/// <summary>A crash interrupted the step; before anything else the target is asked whether it happened.</summary>
[EventKind("run.step.probe.started")]
public sealed record StepProbeStarted(string Step, int Attempt, DateTimeOffset At) : IEvent
{
    /// <summary>"It did not happen" will be true for ever: nothing of the attempt can be at work any more.</summary>
    public bool Certain { get; init; }
}

/// <summary>A step of kind <c>approval/gate</c> got an answer.</summary>
[EventKind("run.gate.answered")]
public sealed record GateAnswered(string Step, int Attempt, bool Approve, string Group, string Comment, Person By, DateTimeOffset At, IReadOnlyList<string>? Items = null, string? Reference = null) : IEvent;

/// <summary>A crash interrupted a step that may be repeated, or that did not happen; it runs again.</summary>
[EventKind("run.step.interrupted")]
public sealed record StepInterrupted(string Step, int Attempt, string Because, DateTimeOffset At) : IEvent;

/// <param name="Refusal">Why a gate was answered with no; null for yes.</param>
[EventKind("run.step.confirmed")]
public sealed record StepConfirmed(string Step, int Attempt, IReadOnlyList<string> Items, Person By, DateTimeOffset At, string? Refusal = null) : IEvent;

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

/// <summary>A step of the recovery went wrong; what is left of it is given up and the plan's emergency steps run.</summary>
[EventKind("run.emergency.started")]
public sealed record EmergencyStarted(string Step, string Because, DateTimeOffset At) : IEvent;

/// <summary>The plan cannot be carried out; what was done is taken back and the recovery steps run.</summary>
[EventKind("run.recovery.started")]
public sealed record RecoveryStarted(string Step, string Because, DateTimeOffset At, Person? By = null) : IEvent;

[EventKind("run.finished")]
public sealed record RunFinished(RunOutcome Outcome, string Summary, DateTimeOffset At) : IEvent;
