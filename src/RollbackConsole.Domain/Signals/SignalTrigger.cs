using RollbackConsole.Domain.Severity;

namespace RollbackConsole.Domain.Signals;

/// <summary>One reading of one series of a service.</summary>
/// <param name="Metric"><c>errorRate</c> (a fraction) or <c>latency</c> (seconds); others are charted only.</param>
/// <param name="Baseline">The usual value in the same unit, when the sender knows it.</param>
public sealed record MetricPoint(string Service, string Environment, string Metric, double Value, double? Baseline, DateTimeOffset At);

/// <summary>Decides when readings amount to an incident. A single bad reading never does.</summary>
public static class SignalTrigger
{
    /// <summary>Readings in a row that must all be bad: one spike is noise, three in a row are not.</summary>
    public const int Sustained = 3;

    /// <summary>Older readings than this say nothing about now.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromSeconds(60);

    /// <summary>What the readings say as severity signals, or null when the metric has no rule.</summary>
    public static Severity.Signals? AsSignals(MetricPoint p) => p.Metric switch
    {
        "errorRate" => new Severity.Signals(ErrorRate: Math.Clamp(p.Value, 0, 1)),
        "latency" when p.Baseline is > 0 => new Severity.Signals(Slowdown: Math.Max(0, (p.Value / p.Baseline.Value) - 1)),
        _ => null,
    };

    /// <summary>An incident's title; figures change within seconds and belong to the severity, not here.</summary>
    public static string Title(MetricPoint p) => p.Metric switch
    {
        "errorRate" => $"Requests to {p.Service} fail",
        "latency" => $"{p.Service} answers slowly",
        _ => $"{p.Service}: {p.Metric} is bad",
    };

    /// <summary>The classification that the newest readings of one series sustain, at least medium; otherwise null.
    /// The mildest of the last <see cref="Sustained"/> readings decides, so that a spike cannot raise the level.</summary>
    public static (Classification Classification, Severity.Signals Signals)? Evaluate(IReadOnlyList<MetricPoint> newestFirst, DateTimeOffset now)
    {
        var recent = newestFirst.Take(Sustained).Where(p => now - p.At <= Window).ToList();
        if (recent.Count < Sustained) return null;
        (Classification, Severity.Signals)? mildest = null;
        foreach (var point in recent)
        {
            if (AsSignals(point) is not { } signals || SeverityMatrix.Evaluate(signals) is not { } c || c.Severity > Level.Medium) return null;
            if (mildest is not { } m || c.Severity >= m.Item1.Severity) mildest = (c, signals);
        }
        return mildest;
    }
}
