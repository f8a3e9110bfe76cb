using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Domain.Signals;
using RollbackConsole.Engine.Severity;
using RollbackConsole.Store.Signals;

namespace RollbackConsole.Engine.Signals;

/// <summary>Which rules the newest readings of a service break at this moment.</summary>
public sealed class FiringNow(MetricPoints points, SeverityDesk severities, TimeProvider time)
{
    public async Task<IReadOnlyList<FiredRule>> Of(string service, string environment, CancellationToken ct = default) => (await Read(service, environment, ct)).Fired;

    /// <summary>The incident with the rules that hold at this moment: what readings say now replaces what they said when it was judged;
    /// what a person saw, or an alert said, stays.</summary>
    public async Task<Incident> On(Incident incident, CancellationToken ct = default)
    {
        var (fired, matrices, live) = await Read(incident.Service, incident.Environment, ct);
        bool Measured(FiredRule r) => matrices.FirstOrDefault(m => m.Name == r.Matrix) is { } matrix
            && matrix.Rules.FirstOrDefault(x => x.Id == r.Rule) is { } rule && rule.When.Any(c => matrix.Signal(c.Signal) is { } signal && live.Contains(signal.Metric));
        return incident with { Rules = [.. incident.Rules.Where(r => !Measured(r)), .. fired] };
    }

    private async Task<(List<FiredRule> Fired, IReadOnlyList<Matrix> Matrices, HashSet<string> Live)> Read(string service, string environment, CancellationToken ct)
    {
        var since = time.GetUtcNow() - SignalTrigger.Window;
        var matrices = await severities.For(service, ct);
        var fired = new List<FiredRule>();
        var live = (await points.Series(service, environment, since, ct)).Where(m => SignalTrigger.Concerns(matrices, m)).ToHashSet(StringComparer.Ordinal);
        foreach (var metric in live)
        {
            if (await points.Since(service, environment, metric, since, 1, ct) is [var newest])
                fired.AddRange(matrices.SelectMany(m => Evaluation.Fire(m, SignalTrigger.AsSignals(m, newest))).Where(f => f.Severity <= Level.Medium));
        }
        return (fired, matrices, live);
    }
}
