using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Approvals;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Plans;

namespace RollbackConsole.Domain.Runs;

public abstract record RunCommand(DateTimeOffset At);

public sealed record RequestRun(
    string Id, string IncidentId, PlanVersion Plan, string Service, string Environment,
    IReadOnlyDictionary<string, string> Parameters, bool DryRun, string Reason, Person By, DateTimeOffset At, PolicyVerdict Policy, IReadOnlyList<string>? RequesterGroups = null) : RunCommand(At);

/// <summary>What the policies in force ask now, which may differ from what they asked at the request.</summary>
public sealed record RefreshPolicy(PolicyVerdict Policy, DateTimeOffset At) : RunCommand(At);

public sealed record ClaimApproval(Actor By, DateTimeOffset At) : RunCommand(At);

/// <summary>Start without the approvals that are missing.</summary>
public sealed record BreakGlass(string Reason, string Digest, Person By, DateTimeOffset At) : RunCommand(At);

/// <summary>Nobody answered, or nothing started, in time.</summary>
public sealed record ExpireRun(DateTimeOffset At) : RunCommand(At);

/// <summary>What the run was to mend is over, and nothing of it has begun.</summary>
public sealed record CallOffRun(string Because, DateTimeOffset At) : RunCommand(At);

/// <summary>Give the plan up: undo what was done, then its recovery steps.</summary>
public sealed record RecoverRun(string Reason, Person By, DateTimeOffset At) : RunCommand(At);

public sealed record AnswerGate(string Step, bool Approve, string Comment, Actor By, DateTimeOffset At, IReadOnlyList<string>? Items = null, string? Reference = null) : RunCommand(At);

/// <param name="Digest">What the approver saw; anything else is stale.</param>
/// <param name="Group">In which capacity; null picks the first requirement that the actor can fill.</param>
public sealed record DecideApproval(
    bool Approve, string? Group, string Digest, string Comment, Actor By, DateTimeOffset At, IReadOnlyList<string>? Items = null, string? Reference = null) : RunCommand(At);

public sealed record PauseRun(string Reason, Person By, DateTimeOffset At) : RunCommand(At);

public sealed record ResumeRun(string Reason, Person By, DateTimeOffset At) : RunCommand(At);

public sealed record AbortRun(string Reason, Person By, DateTimeOffset At) : RunCommand(At);

/// <param name="Attempt">The attempt that the person looked at; null when they did not say. Another one by now is another decision.</param>
public sealed record RetryStep(string Step, string Reason, Person By, DateTimeOffset At, int? Attempt = null) : RunCommand(At);

public sealed record SkipStep(string Step, string Reason, Person By, DateTimeOffset At, int? Attempt = null) : RunCommand(At);

public sealed record ConfirmStep(string Step, IReadOnlyList<string> Items, Person By, DateTimeOffset At) : RunCommand(At);

/// <param name="Status">Succeeded or failed: what a person found out about an unknown outcome.</param>
public sealed record SettleOutcome(string Step, StepStatus Status, string Reason, Person By, DateTimeOffset At, int? Attempt = null) : RunCommand(At);

/// <summary>A node takes the run, for the first time or after another node vanished.</summary>
/// <param name="Probes">Steps that can be asked whether they took effect; true when the answer holds wherever their process is.</param>
/// <param name="Host">The machine of the node.</param>
public sealed record LeaseRun(string Node, DateTimeOffset At, IReadOnlyDictionary<string, bool>? Probes = null, string? Host = null) : RunCommand(At);

/// <summary>Commands of the engine carry the epoch of its lease; an older one is refused.</summary>
public abstract record EngineCommand(int Epoch, DateTimeOffset At) : RunCommand(At);

/// <summary>Start what may start now; finish when nothing is left.</summary>
public sealed record AdvanceRun(int Epoch, DateTimeOffset At) : EngineCommand(Epoch, At);

/// <param name="GoOn">False while the node stops: what ran is finished, nothing new begins.</param>
public sealed record FinishStep(int Epoch, string Step, int Attempt, StepResult Result, DateTimeOffset At, bool GoOn = true) : EngineCommand(Epoch, At);

/// <summary>What a probe found out about an interrupted step.</summary>
public enum ProbeFinding { TookEffect, NoEffect, CannotTell }

public sealed record FinishProbe(int Epoch, string Step, int Attempt, ProbeFinding Finding, string Summary, DateTimeOffset At, bool GoOn = true) : EngineCommand(Epoch, At);

/// <summary>The node stops in good order.</summary>
public sealed record HandOver(int Epoch, DateTimeOffset At) : EngineCommand(Epoch, At);

/// <summary>What a step came to.</summary>
/// <param name="Status">Succeeded, failed, error, unknown or canceled.</param>
/// <param name="IntegrityDiffers">Data was compared and differs.</param>
public sealed record StepResult(
    StepStatus Status, string Summary, int? ExitCode = null, IReadOnlyDictionary<string, string>? Outputs = null, bool IntegrityDiffers = false)
{
    public static StepResult Succeeded(string summary, IReadOnlyDictionary<string, string>? outputs = null, int? exitCode = null) =>
        new(StepStatus.Succeeded, summary, exitCode, outputs);

    public static StepResult Failed(string summary, int? exitCode = null, IReadOnlyDictionary<string, string>? outputs = null) =>
        new(StepStatus.Failed, summary, exitCode, outputs);

    /// <summary>The step could not be run at all.</summary>
    public static StepResult Error(string summary) => new(StepStatus.Error, summary);
}
