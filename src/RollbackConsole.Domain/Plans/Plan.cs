using System.Text.Json.Nodes;

namespace RollbackConsole.Domain.Plans;

/// <summary>How deep the change goes that the plan undoes (mission row S0.1).</summary>
public enum Risk { Additive, Modification, Breaking, Structural }

/// <summary>May a step be repeated after a crash?</summary>
public enum Effect
{
    /// <summary>Running it again does no harm: it runs again.</summary>
    Idempotent,
    /// <summary>It must not happen twice: after a crash its outcome is unknown and a person decides.</summary>
    Once,
}

/// <summary>What happens when the last attempt of a step fails.</summary>
public enum OnFailure
{
    /// <summary>The run waits for a person.</summary>
    Stop,
    /// <summary>The run goes on and can end as partial at best.</summary>
    Continue,
    /// <summary>Completed steps are undone in reverse, then the plan's recovery steps run.</summary>
    Recover,
}

/// <summary>Which part of a plan a step belongs to.</summary>
public enum StepPart { Step, Check, Undo, Recovery, Emergency }

/// <summary>What a plan is for; the room offers the last two as one confirmed action each.</summary>
public enum PlanPurpose
{
    Rollback,
    /// <summary>Back to the last known good version: services first, the database only if that is safe, then notify (mission row S0.8).</summary>
    Emergency,
    /// <summary>Stop processing, read-only, roll back, restore gradually (mission row S0.9).</summary>
    CircuitBreaker,
}

/// <summary>How a plan reaches its target; policies may prefer one.</summary>
public enum Strategy { AllAtOnce, Canary }

/// <summary>A rollback plan: an immutable version of it is named by the digest of its content.</summary>
/// <param name="Objective">Recovery time objective: from approval to verified, at the most.</param>
/// <param name="Downtime">As written: <c>none</c>, or a range such as <c>10m-15m</c>.</param>
/// <param name="Checks">Steps that verify the result once every other step is done.</param>
/// <param name="Recovery">Steps of forward recovery.</param>
/// <param name="Emergency">What is done when the recovery itself goes wrong, each step whatever came of the one before.</param>
/// <param name="Level">1 switches a feature off, 2 goes back a version, 3 is a hotfix; null when the levels do not apply.</param>
public sealed record Plan(
    string Name, string Title, string? Service, Risk Risk, TimeSpan? Objective, string Downtime,
    IReadOnlyList<PlanParameter> Parameters, IReadOnlyList<PlanStep> Steps, IReadOnlyList<PlanStep> Checks,
    string? CheckSuite, IReadOnlyList<PlanStep> Recovery, int? Level = null, IReadOnlyList<PlanStep>? Emergency = null,
    PlanPurpose Purpose = PlanPurpose.Rollback, Strategy Strategy = Strategy.AllAtOnce)
{
    /// <summary>The end of the downtime's range; null when there is none.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public TimeSpan? LongestDowntime => Downtime != "none" && Library.Duration.TryParse(Downtime.Split('-')[^1], out var down) ? down : null;
}

public enum ParameterType { Text, Integer, Number, Flag, Choice }

/// <param name="Pattern">A regular expression that the whole value must match.</param>
public sealed record PlanParameter(
    string Name, ParameterType Type, bool Required, string? Default, string? Pattern, IReadOnlyList<string> Choices, string Description);

/// <param name="Uses">The step kind, <c>tool/action</c>.</param>
/// <param name="With">The kind's inputs, not yet rendered.</param>
/// <param name="Needs">Steps that must be done before; empty for a first step.</param>
/// <param name="Timeout">Per attempt.</param>
/// <param name="Probe">Asked after a crash: succeeds when the step has taken effect, fails when it has not.</param>
/// <param name="If">A template; the step is left out when it renders to anything but <c>true</c>.</param>
/// <param name="Destructive">It can lose data, or surely not; null leaves it to the kind.</param>
/// <param name="Undo">What takes this step back when a later one fails with <see cref="OnFailure.Recover"/>.</param>
public sealed record PlanStep(
    string Id, string Title, string Uses, JsonObject With, IReadOnlyList<string> Needs, TimeSpan Timeout,
    int Attempts, TimeSpan RetryDelay, Effect Effect, OnFailure OnFailure, PlanStep? Undo,
    PlanStep? Probe = null, string? If = null, bool? Destructive = null)
{
    /// <summary>Can it lose data? The plan's own word, or else what its kind does.</summary>
    public bool CanDestroy(IReadOnlyDictionary<string, StepKindSchema> kinds) => Destructive ?? kinds.GetValueOrDefault(Uses)?.Destructive ?? false;
}

/// <summary>A stored version of a plan.</summary>
/// <param name="Version">1, 2, 3 … in the order of import.</param>
public sealed record PlanVersion(string Name, int Version, string Digest, Plan Plan);
