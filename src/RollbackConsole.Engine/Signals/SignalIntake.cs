using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Domain.Signals;
using RollbackConsole.Engine.Severity;
using RollbackConsole.Store.Signals;

namespace RollbackConsole.Engine.Signals;

/// <summary>Takes readings from monitoring; what the matrices call bad for long enough opens an incident, once for each service and environment.</summary>
public sealed class SignalIntake(MetricPoints points, SeverityDesk severities, IncidentOpener opener, TimeProvider time)
{
    /// <summary>A sender's clock may be off by this much; beyond it the reading would land in the wrong place of the chart.</summary>
    private static readonly TimeSpan Skew = AlertLabels.Skew;

    /// <summary>Readings looked at to judge a rule with a time: one a second for over an hour.</summary>
    private const int MostReadings = 5000;

    /// <exception cref="RefusedException">A name is missing or too long, the value is no finite number, or the time is in the future.</exception>
    public Task<string?> Take(Actor actor, MetricPoint point, CancellationToken ct)
    {
        actor.Require(Permission.SendSignals);
        return Take(point, ct);
    }

    /// <summary>A reading that the console took itself.</summary>
    internal async Task<string?> Take(MetricPoint point, CancellationToken ct)
    {
        Check(point);
        // Incidents carry trimmed names: an untrimmed one would never find its own.
        point = point with { Service = point.Service.Trim(), Environment = point.Environment.Trim(), Metric = point.Metric.Trim() };
        await points.Add(point, ct);
        var matrices = await severities.For(point.Service, ct);
        if (!SignalTrigger.Concerns(matrices, point.Metric)) return null;
        // Most readings are good: one that breaks no rule needs no look into the past.
        if (!matrices.Any(m => Evaluation.Fire(m, SignalTrigger.AsSignals(m, point)).Any(f => f.Severity <= Level.Medium))) return null;
        var now = time.GetUtcNow();
        var newest = await points.Since(point.Service, point.Environment, point.Metric, now - SignalTrigger.Reach(matrices, point.Metric), MostReadings, ct);
        var fired = SignalTrigger.Evaluate(matrices, newest, now);
        if (Evaluation.Classify(fired, await severities.Levels(ct)) is not { } classification) return null;
        var signals = matrices.Select(m => SignalTrigger.AsSignals(m, point)).Aggregate(SignalSet.None, (a, b) => a.With(b));
        return await opener.Open(point.Service, point.Environment, SignalTrigger.Title(point), signals, classification, ct);
    }

    private void Check(MetricPoint point)
    {
        Name(point.Service, "service");
        Name(point.Environment, "environment");
        Name(point.Metric, "metric");
        if (!double.IsFinite(point.Value)) throw new RefusedException(RefusalKind.Invalid, "The value must be a finite number.", "value");
        if (point.Baseline is { } b && !double.IsFinite(b)) throw new RefusedException(RefusalKind.Invalid, "The baseline must be a finite number.", "baseline");
        if (point.At > time.GetUtcNow() + Skew) throw new RefusedException(RefusalKind.Invalid, $"The time {point.At:O} lies more than 5 minutes in the future; check the sender's clock.", "at");
    }

    private static void Name(string? value, string field)
    {
        if (string.IsNullOrWhiteSpace(value)) throw new RefusedException(RefusalKind.Invalid, $"'{field}' is missing.", field);
        if (value.Length > IncidentDecider.LongestName) throw new RefusedException(RefusalKind.Invalid, $"'{field}' has {value.Length} characters; {IncidentDecider.LongestName} are the most.", field);
    }
}
