using RollbackConsole.Domain.Severity;

namespace RollbackConsole.Domain.Signals;

/// <summary>One reading of one series of a service.</summary>
/// <param name="Metric">For example <c>errorRate</c> (a fraction) or <c>latency</c> (seconds); the matrices say which signals it gives.</param>
/// <param name="Baseline">The usual value in the same unit, when the sender knows it.</param>
public sealed record MetricPoint(string Service, string Environment, string Metric, double Value, double? Baseline, DateTimeOffset At);

/// <summary>Decides when readings amount to an incident.</summary>
public static class SignalTrigger
{
    /// <summary>Readings older than this say nothing about now.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromSeconds(90);

    /// <summary>A silence longer than this breaks a series, because nobody knows what was in between: senders speak once a minute or more often.</summary>
    public static readonly TimeSpan LongestSilence = TimeSpan.FromSeconds(90);

    /// <summary>What one reading says in the words of a matrix.</summary>
    public static SignalSet AsSignals(Matrix matrix, MetricPoint p) => SignalSet.Of(matrix.Signals.Where(s => s.Metric == p.Metric).Select(s => (s.Name, Value: Figure(s, p)))
        .Where(f => f.Value is not null).Select(f => (f.Name, f.Value!.Value)));

    /// <summary>True when some rule of the matrices asks for this metric: others are only drawn.</summary>
    public static bool Concerns(IEnumerable<Matrix> matrices, string metric) => matrices.Any(m => m.Signals.Any(s => s.Metric == metric));

    /// <summary>How far back readings are needed to judge a metric.</summary>
    public static TimeSpan Reach(IEnumerable<Matrix> matrices, string metric) => matrices
        .SelectMany(m => m.Rules.Where(r => r.When.Any(c => m.Signal(c.Signal)?.Metric == metric)).Select(r => r.For is { } held ? held + LongestSilence : r.Readings * LongestSilence))
        .Append(Window).Max();

    /// <summary>An incident's title; figures change within seconds and belong to the severity, not here.</summary>
    public static string Title(MetricPoint p) => p.Metric switch
    {
        "errorRate" => $"Requests to {p.Service} fail",
        "latency" => $"{p.Service} answers slowly",
        _ => $"{p.Service}: {p.Metric} is bad",
    };

    /// <summary>The rules that the newest readings of one series sustain, at least medium.</summary>
    /// <param name="newestFirst">Readings of one metric, as far back as <see cref="Reach"/>.</param>
    public static IReadOnlyList<FiredRule> Evaluate(IReadOnlyList<Matrix> matrices, IReadOnlyList<MetricPoint> newestFirst, DateTimeOffset now) =>
        [.. matrices.SelectMany(m => Sustained(m, newestFirst, now)).Where(f => f.Severity <= Level.Medium)];

    private static IEnumerable<FiredRule> Sustained(Matrix matrix, IReadOnlyList<MetricPoint> newestFirst, DateTimeOffset now)
    {
        if (newestFirst.Count == 0) yield break;
        var newest = AsSignals(matrix, newestFirst[0]);
        foreach (var rule in matrix.Rules.Where(r => r is { For: not null, Severity: not null } && r.When.Count > 0 && r.When.All(c => Evaluation.Holds(c, newest))))
            if (HeldFor(matrix, rule, newestFirst, now)) yield return Evaluation.Fired(matrix, rule, newest);
        foreach (var readings in matrix.Rules.Where(r => r is { For: null, Severity: not null } && r.When.Count > 0).Select(r => r.Readings).Distinct())
            foreach (var fired in Mildest(matrix, readings, newestFirst, now)) yield return fired;
    }

    /// <summary>The mildest of the last readings decides, so that a spike cannot raise the level, and a figure that wanders between two bands still counts.</summary>
    private static IReadOnlyList<FiredRule> Mildest(Matrix matrix, int readings, IReadOnlyList<MetricPoint> newestFirst, DateTimeOffset now)
    {
        var recent = newestFirst.Take(readings).ToList();
        if (recent.Count < readings || now - recent[0].At > Window || recent.Zip(recent.Skip(1), (later, earlier) => later.At - earlier.At).Any(silence => silence > LongestSilence)) return [];
        var counted = matrix with { Rules = [.. matrix.Rules.Where(r => r.For is null && r.Readings == readings)] };
        IReadOnlyList<FiredRule> mildest = [];
        foreach (var point in recent)
        {
            var fired = Evaluation.Fire(counted, AsSignals(matrix, point));
            if (fired.Count == 0) return [];
            if (mildest.Count == 0 || fired[0].Severity >= mildest[0].Severity) mildest = fired;
        }
        return mildest;
    }

    private static bool HeldFor(Matrix matrix, MatrixRule rule, IReadOnlyList<MetricPoint> newestFirst, DateTimeOffset now)
    {
        var later = now;
        foreach (var point in newestFirst)
        {
            if (later - point.At > LongestSilence) return false;
            if (!rule.When.All(c => Evaluation.Holds(c, AsSignals(matrix, point)))) return false;
            if (now - point.At >= rule.For) return true;
            later = point.At;
        }
        return false;
    }

    private static double? Figure(SignalDefinition signal, MetricPoint p) => signal.Unit switch
    {
        SignalUnit.Increase when p.Baseline is > 0 => Math.Max(0, (p.Value / p.Baseline.Value) - 1),
        SignalUnit.Ratio when p.Baseline is > 0 => Math.Max(0, p.Value / p.Baseline.Value),
        // Senders of a plain increase have their own baseline.
        SignalUnit.Increase or SignalUnit.Ratio => signal.Metric == signal.Name ? Math.Max(0, p.Value) : null,
        SignalUnit.Fraction => Math.Clamp(p.Value, 0, 1),
        _ => Math.Max(0, p.Value),
    };
}
