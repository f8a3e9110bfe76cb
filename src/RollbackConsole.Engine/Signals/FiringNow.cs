using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Domain.Signals;
using RollbackConsole.Engine.Severity;
using RollbackConsole.Store.Signals;

namespace RollbackConsole.Engine.Signals;

/// <summary>Which rules the newest readings of a service break at this moment.</summary>
public sealed class FiringNow(MetricPoints points, SeverityDesk severities, TimeProvider time)
{
    public async Task<IReadOnlyList<FiredRule>> Of(string service, string environment, CancellationToken ct = default)
    {
        var since = time.GetUtcNow() - SignalTrigger.Window;
        var matrices = await severities.For(service, ct);
        var fired = new List<FiredRule>();
        foreach (var metric in await points.Series(service, environment, since, ct))
        {
            if (!SignalTrigger.Concerns(matrices, metric)) continue;
            if (await points.Since(service, environment, metric, since, 1, ct) is [var newest])
                fired.AddRange(matrices.SelectMany(m => Evaluation.Fire(m, SignalTrigger.AsSignals(m, newest))).Where(f => f.Severity <= Level.Medium));
        }
        return fired;
    }

    /// <summary>The incident with what fires now beside the rules that made it.</summary>
    public async Task<Incident> On(Incident incident, CancellationToken ct = default)
    {
        var now = await Of(incident.Service, incident.Environment, ct);
        return incident with { Rules = [.. incident.Rules, .. now.Where(n => !incident.Rules.Any(r => r.Matrix == n.Matrix && r.Rule == n.Rule))] };
    }
}
