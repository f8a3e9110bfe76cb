using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Domain.Severity;

namespace RollbackConsole.Web.Shell;

/// <summary>How states are said to people: one word list for every page.</summary>
public static class Words
{
    public static string Of(RunStatus status, RunOutcome? outcome) => status switch
    {
        RunStatus.AwaitingApproval => "awaiting approval",
        RunStatus.NeedsDecision => "needs a decision",
        RunStatus.Finished when outcome is { } o => o.ToString().ToLowerInvariant(),
        _ => status.ToString().ToLowerInvariant(),
    };

    /// <summary>The look of a run's state: <c>good</c>, <c>bad</c>, <c>warn</c>, <c>busy</c> or <c>idle</c>.</summary>
    public static string Tone(RunStatus status, RunOutcome? outcome) => status switch
    {
        RunStatus.Finished => outcome switch
        {
            RunOutcome.Succeeded => "good",
            RunOutcome.Partial => "warn",
            RunOutcome.Failed => "bad",
            _ => "idle",
        },
        RunStatus.NeedsDecision or RunStatus.AwaitingApproval or RunStatus.Paused or RunStatus.Aborting => "warn",
        _ => "busy",
    };

    public static string Of(StepStatus status) => status switch
    {
        StepStatus.Error => "could not run",
        StepStatus.Unknown => "outcome unknown",
        _ => status.ToString().ToLowerInvariant(),
    };

    public static string Tone(StepStatus status) => status switch
    {
        StepStatus.Succeeded => "good",
        StepStatus.Failed or StepStatus.Error => "bad",
        StepStatus.Unknown => "warn",
        StepStatus.Running => "busy",
        _ => "idle",
    };

    /// <summary>A shape for each state, so that colour is never the only sign.</summary>
    public static string Sign(StepStatus status) => status switch
    {
        StepStatus.Succeeded => "✓",
        StepStatus.Failed => "✕",
        StepStatus.Error => "!",
        StepStatus.Unknown => "?",
        StepStatus.Running => "▶",
        StepStatus.Skipped => "↷",
        StepStatus.Canceled => "■",
        StepStatus.Pending => "·",
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, "Unknown status."),
    };

    public static string Of(Advice advice) => advice switch
    {
        Advice.RollBackNow => "Roll back now",
        Advice.QuickFixThenRollBack => "Try a quick fix, then roll back",
        Advice.WeighFixAgainstRollback => "Weigh a fix against a rollback",
        Advice.FixForward => "Fix forward",
        _ => throw new ArgumentOutOfRangeException(nameof(advice), advice, "Unknown advice."),
    };

    /// <summary>The same advice in two or three words, for narrow places.</summary>
    public static string Short(Advice advice) => advice switch
    {
        Advice.RollBackNow => "roll back now",
        Advice.QuickFixThenRollBack => "quick fix, then roll back",
        Advice.WeighFixAgainstRollback => "weigh fix against rollback",
        Advice.FixForward => "fix forward",
        _ => throw new ArgumentOutOfRangeException(nameof(advice), advice, "Unknown advice."),
    };

    public static string Of(Choice choice) => choice switch
    {
        Choice.RollBack => "roll back",
        Choice.FixForward => "fix forward",
        Choice.Hold => "hold",
        _ => throw new ArgumentOutOfRangeException(nameof(choice), choice, "Unknown choice."),
    };

    public static string Of(IncidentRole role) => role.ToString().ToLowerInvariant();

    /// <summary>A mark of the communication clock: <c>0</c>, <c>5 min</c>, <c>24 h</c>.</summary>
    public static string Mark(TimeSpan at) => at == TimeSpan.Zero ? "0" : at < TimeSpan.FromHours(1) ? $"{at.TotalMinutes:0} min" : $"{at.TotalHours:0.#} h";

    /// <summary>What a rollback level does.</summary>
    public static string RollbackLevel(int level) => level switch
    {
        1 => "level 1: feature flag",
        2 => "level 2: version",
        3 => "level 3: hotfix",
        _ => $"level {level}",
    };

    public static string Of(MatrixType type) => type switch
    {
        MatrixType.Severity => "Severity",
        MatrixType.Triggers => "Triggers",
        MatrixType.Symptoms => "Symptoms",
        MatrixType.Risk => "Risks",
        MatrixType.Criteria => "Criteria for people",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Unknown type."),
    };

    public static string Of(Risk risk) => risk.ToString().ToLowerInvariant();

    /// <summary>A length of time as people say it: <c>4.2 s</c>, <c>3 min 20 s</c>.</summary>
    public static string Length(TimeSpan span) => span switch
    {
        { TotalSeconds: < 1 } => $"{span.TotalMilliseconds:0} ms",
        { TotalMinutes: < 1 } => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{span.TotalSeconds:0.0} s"),
        { TotalHours: < 1 } => $"{(int)span.TotalMinutes} min {span.Seconds} s",
        _ => $"{(int)span.TotalHours} h {span.Minutes} min",
    };
}
