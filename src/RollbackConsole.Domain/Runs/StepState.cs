using System.Collections.Immutable;
using RollbackConsole.Domain.Plans;

namespace RollbackConsole.Domain.Runs;

/// <summary>Failed, error (could not run) and unknown (may or may not have happened) are three different things.</summary>
public enum StepStatus { Pending, Running, Succeeded, Failed, Error, Unknown, Skipped, Canceled }

/// <summary>One step of a run, as the events tell it.</summary>
public sealed record StepState(PlanStep Step, StepPart Part)
{
    public bool IsCheck => Part == StepPart.Check;

    public StepStatus Status { get; init; } = StepStatus.Pending;
    public int Attempt { get; init; }
    /// <summary>Attempts that count against the plan's limit; a person's retry starts the count again.</summary>
    public int AttemptsUsed { get; init; }
    public DateTimeOffset? FirstStartedAt { get; init; }
    public DateTimeOffset? StartedAt { get; init; }
    public DateTimeOffset? FinishedAt { get; init; }
    public DateTimeOffset? NotBefore { get; init; }
    public int? ExitCode { get; init; }
    public string Summary { get; init; } = "";
    public ImmutableDictionary<string, string> Outputs { get; init; } = ImmutableDictionary<string, string>.Empty;
    public bool IntegrityDiffers { get; init; }
    /// <summary>What a person said to a checklist or gate that waits for one.</summary>
    public StepConfirmed? Confirmed { get; init; }
    public ImmutableList<GateAnswered> Answers { get; init; } = [];

    /// <summary>The attempt was interrupted and the target is being asked whether it happened.</summary>
    public bool Probing { get; init; }

    /// <summary>What the probe says of an attempt that did not happen holds for ever.</summary>
    public bool ProbeCertain { get; init; }

    /// <summary>How often a node was lost under it since a person last looked.</summary>
    public int Interruptions { get; init; }

    /// <summary>Its place in the order of ends; what ended later is undone first, whatever the clocks of the nodes said.</summary>
    public int Order { get; init; }

    /// <summary>What people answered is good for the attempt that follows an interruption.</summary>
    public bool Resuming { get; init; }

    /// <summary>The plan's own condition left it out; a person's skip is another thing.</summary>
    public bool LeftOutByPlan { get; init; }

    public bool Failed => Status is StepStatus.Failed or StepStatus.Error or StepStatus.Unknown;

    /// <summary>Later steps may go on past this one.</summary>
    public bool LetsOthersGoOn => Status is StepStatus.Succeeded or StepStatus.Skipped
        || (Status is StepStatus.Failed or StepStatus.Error && Step.OnFailure == OnFailure.Continue);

    /// <summary>It went wrong in a way that waits for a person.</summary>
    public bool Blocks => Failed && !LetsOthersGoOn && !LeftToRecovery;

    /// <summary>The recovery took over: nobody has to decide about this step any more.</summary>
    public bool LeftToRecovery { get; init; }

    public bool Done => Status is not (StepStatus.Pending or StepStatus.Running);
}
