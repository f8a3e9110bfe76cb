using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Engine.Approvals;
using RollbackConsole.Engine.Catalog;
using RollbackConsole.Store.Plans;
using RollbackConsole.Store.Runs;

namespace RollbackConsole.Engine.Incidents;

/// <summary>What to do about an incident: the ranked plans, with why each fits.</summary>
public sealed class ProposalDesk(PlanRows plans, RunRows runs, CatalogDesk catalog, PolicyDesk policies, TimeProvider time)
{
    public async Task<Proposal> For(Actor actor, Incident incident, CancellationToken ct = default)
    {
        actor.Require(Permission.See);
        var found = await plans.For(incident.Service, ct);
        var records = await runs.Records([.. found.Select(p => p.Name)], ct);
        var limit = await catalog.Limit(incident.Service, ct);
        var inForce = await policies.All(ct);
        var words = new Dictionary<string, PolicyWord>(StringComparer.Ordinal);
        foreach (var plan in found)
        {
            var verdict = policies.For(inForce, await policies.Facts(plan.Plan, incident.Service, incident.Environment, incident.Severity, dryRun: false, actor, ct));
            words[plan.Name] = new PolicyWord(verdict.Blocks.Count == 0 ? null : string.Join("; ", verdict.Blocks) + ".", verdict.Prefer);
        }
        return Proposals.Of(new ProposalNeed(incident.Service, incident.Severity, incident.Action, incident.RollbackLevel, limit?.Limit, limit?.By, incident.Rules),
            found.Select(p => (p, records.GetValueOrDefault(p.Name, PlanRecord.None), words[p.Name])), time.GetUtcNow());
    }
}
