namespace RollbackConsole.Domain.Severity;

/// <summary>How bad it is, worst first, so that "when unsure, the higher" is the smaller value.</summary>
public enum Level { Critical, High, Medium, Low }

/// <summary>What the matrix advises for a level.</summary>
public enum Advice { RollBackNow, QuickFixThenRollBack, WeighFixAgainstRollback, FixForward }

/// <summary>What monitoring or a person says about a service. Rates are fractions of 1.</summary>
/// <param name="ErrorRate">Failed requests as a fraction of all, 0 to 1.</param>
/// <param name="Slowdown">Response time above baseline as a fraction: 0.5 means 50 % slower.</param>
public sealed record Signals(
    double? ErrorRate = null, double? Slowdown = null, bool Outage = false, bool DataCorruption = false,
    bool SecurityBreach = false, bool MajorFunctionBroken = false, bool MinorFeatureBroken = false, bool Cosmetic = false);

/// <summary>A rule that fired, and the sentence that says why.</summary>
public sealed record FiredRule(string Matrix, string Rule, string Because);

/// <summary>The answer of a matrix.</summary>
/// <param name="DecideWithin">How long people may take to decide, counted from now.</param>
public sealed record Classification(Level Severity, Advice Action, TimeSpan DecideWithin, IReadOnlyList<FiredRule> Rules);

/// <summary>The platform's severity matrix (mission row S3.1). Bands touch: at a boundary the higher level holds.</summary>
public static class SeverityMatrix
{
    public const string Name = "platform";

    /// <summary>Time to decide per level (S3.1): 5, 15, 30 and 60 minutes.</summary>
    public static TimeSpan DecideWithin(Level level) => TimeSpan.FromMinutes(level switch
    {
        Level.Critical => 5,
        Level.High => 15,
        Level.Medium => 30,
        Level.Low => 60,
        _ => throw new ArgumentOutOfRangeException(nameof(level), level, "Unknown severity."),
    });

    public static Advice AdviceFor(Level level) => level switch
    {
        Level.Critical => Advice.RollBackNow,
        Level.High => Advice.QuickFixThenRollBack,
        Level.Medium => Advice.WeighFixAgainstRollback,
        Level.Low => Advice.FixForward,
        _ => throw new ArgumentOutOfRangeException(nameof(level), level, "Unknown severity."),
    };

    /// <summary>Classifies; the worst rule that fires decides. Null when no signal was given at all.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A figure is not a number, negative, or a rate above 1.</exception>
    public static Classification? Evaluate(Signals s)
    {
        Check(s.ErrorRate, nameof(s.ErrorRate), 1);
        Check(s.Slowdown, nameof(s.Slowdown), double.MaxValue);
        var fired = Fire(s).OrderBy(f => f.Level).ToList();
        if (fired.Count == 0) return null;
        var worst = fired[0].Level;
        return new Classification(worst, AdviceFor(worst), DecideWithin(worst),
            [.. fired.Select(f => new FiredRule(Name, f.Rule, f.Because))]);
    }

    private static IEnumerable<(Level Level, string Rule, string Because)> Fire(Signals s)
    {
        if (s.Outage) yield return (Level.Critical, "outage", "the whole service is out");
        if (s.DataCorruption) yield return (Level.Critical, "data-corruption", "data is being corrupted");
        if (s.SecurityBreach) yield return (Level.Critical, "security-breach", "security has been breached");
        if (s.MajorFunctionBroken) yield return (Level.High, "major-function", "a major function is broken");
        if (s.MinorFeatureBroken) yield return (Level.Medium, "minor-feature", "a minor feature is broken");
        if (s.Cosmetic) yield return (Level.Low, "cosmetic", "the fault is cosmetic");
        if (s.ErrorRate is { } rate)
        {
            var shown = Percent(rate);
            yield return rate switch
            {
                > 0.30 => (Level.High, "error-rate-above-30", $"{shown} of requests fail, above 30 %"),
                >= 0.10 => (Level.Medium, "error-rate-10-to-30", $"{shown} of requests fail, between 10 and 30 %"),
                _ => (Level.Low, "error-rate-below-10", $"{shown} of requests fail, below 10 %"),
            };
        }
        if (s.Slowdown is { } slow)
        {
            var shown = Percent(slow);
            yield return slow switch
            {
                > 0.50 => (Level.High, "slowdown-above-50", $"responses are {shown} slower than usual, above 50 %"),
                >= 0.20 => (Level.Medium, "slowdown-20-to-50", $"responses are {shown} slower than usual, between 20 and 50 %"),
                _ => (Level.Low, "slowdown-below-20", $"responses are {shown} slower than usual, below 20 %"),
            };
        }
    }

    private static string Percent(double fraction) =>
        string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{fraction * 100:0.#} %");

    private static void Check(double? value, string name, double most)
    {
        if (value is { } v && (!double.IsFinite(v) || v < 0 || v > most))
            throw new ArgumentOutOfRangeException(name, v, "It must be a finite number from 0" + (most == 1 ? " to 1." : " up."));
    }
}
