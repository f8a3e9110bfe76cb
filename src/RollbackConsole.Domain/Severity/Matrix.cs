namespace RollbackConsole.Domain.Severity;

/// <summary>How bad it is, worst first, so that "when unsure, the higher" is the smaller value.</summary>
public enum Level { Critical, High, Medium, Low }

/// <summary>What a severity matrix advises for a level.</summary>
public enum Advice { RollBackNow, QuickFixThenRollBack, WeighFixAgainstRollback, FixForward }

/// <summary>How a rule set is drawn and used.</summary>
public enum MatrixType
{
    /// <summary>Bands by level, with the time to decide.</summary>
    Severity,
    /// <summary>Conditions that open an incident by themselves.</summary>
    Triggers,
    /// <summary>Symptoms with the rollback level that they ask for.</summary>
    Symptoms,
    /// <summary>Risks with probability and impact; for people to read, nothing fires.</summary>
    Risk,
    /// <summary>Criteria that a person judges.</summary>
    Criteria,
}

/// <summary>How quickly a trigger wants the rollback.</summary>
public enum TriggerAction
{
    /// <summary>At once.</summary>
    Immediate,
    /// <summary>In steps, such as a ramp-down.</summary>
    Gradual,
    /// <summary>In the next quiet hour.</summary>
    Scheduled,
    /// <summary>A person weighs it.</summary>
    Recommend,
}

/// <summary>May the answer to a symptom be a rollback?</summary>
public enum RollbackVerdict { Yes, Maybe, No }

/// <summary>One comparison. All that are given must hold; none given means the fact itself.</summary>
/// <param name="Above">Greater than.</param>
/// <param name="From">Not less than.</param>
/// <param name="To">Not more than.</param>
/// <param name="Below">Less than.</param>
public sealed record Condition(string Signal, double? Above = null, double? From = null, double? To = null, double? Below = null)
{
    public bool IsFact => Above is null && From is null && To is null && Below is null;

    public bool Holds(double value) =>
        (Above is not { } a || value > a) && (From is not { } f || value >= f) && (To is not { } t || value <= t) && (Below is not { } b || value < b);

    /// <summary>For example <c>above 30 %</c> or <c>from 10 % to 30 %</c>.</summary>
    public string Show(SignalDefinition signal) => IsFact ? "" : string.Join(" ", new[]
    {
        Above is { } a ? "above " + signal.Show(a) : null, From is { } f ? "from " + signal.Show(f) : null,
        To is { } t ? "to " + signal.Show(t) : null, Below is { } b ? "below " + signal.Show(b) : null,
    }.Where(s => s is not null));
}

/// <summary>"Level 1, then level 2 if it persists."</summary>
/// <param name="After">Counted from when the first level was recommended.</param>
public sealed record NextLevel(int Level, TimeSpan After);

/// <summary>A row of a matrix.</summary>
/// <param name="When">All must hold; empty for a row that a person judges.</param>
/// <param name="For">How long it must hold without a break; null asks for <paramref name="Readings"/> in a row instead.</param>
/// <param name="Readings">Readings in a row: one spike is noise, but the result of a pipeline comes once.</param>
/// <param name="Automatic">The console may ask for the run by itself where the service allows it; the approval policy still decides.</param>
/// <param name="RollbackLevel">1 feature flag, 2 version, 3 hotfix.</param>
/// <param name="Within">The time in which the answer should work.</param>
public sealed record MatrixRule(
    string Id, string Title, IReadOnlyList<Condition> When, Level? Severity, TimeSpan? For, int Readings, TriggerAction? Action, bool Automatic,
    int? RollbackLevel, NextLevel? Then, TimeSpan? Within, string? Investigate, RollbackVerdict? RollBack, string? Alternative, string? Probability, string? Impact, string? Group);

/// <param name="Decide">How long people may take to decide.</param>
public sealed record MatrixLevel(Level Level, Advice Action, TimeSpan Decide, string Criteria);

/// <summary>A named rule set of the library.</summary>
/// <param name="Source">Where its figures come from.</param>
public sealed record Matrix(
    string Name, string Title, MatrixType Type, string Source, string? Description, IReadOnlyList<MatrixLevel> Levels, IReadOnlyList<SignalDefinition> Signals, IReadOnlyList<MatrixRule> Rules)
{
    /// <summary>The matrix that holds for every service and knows the times to decide.</summary>
    public const string Platform = "platform";

    public SignalDefinition? Signal(string name) => Signals.FirstOrDefault(s => s.Name == name);

    public MatrixLevel? At(Level level) => Levels.FirstOrDefault(l => l.Level == level);
}

/// <summary>A rule that fired, and the sentence that says why.</summary>
public sealed record FiredRule(
    string Matrix, string Rule, string Because, Level? Severity = null, TriggerAction? Action = null, bool Automatic = false,
    int? RollbackLevel = null, NextLevel? Then = null, string? Alternative = null);

/// <summary>The answer of the matrices.</summary>
/// <param name="DecideWithin">How long people may take to decide, counted from now.</param>
public sealed record Classification(Level Severity, Advice Action, TimeSpan DecideWithin, IReadOnlyList<FiredRule> Rules);
