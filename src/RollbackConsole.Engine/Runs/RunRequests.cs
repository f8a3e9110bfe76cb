using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Approvals;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Engine.Access;
using RollbackConsole.Engine.Approvals;
using RollbackConsole.Engine.Incidents;
using RollbackConsole.Engine.Plans;
using RollbackConsole.Store.Journal;
using RollbackConsole.Store.Runs;

namespace RollbackConsole.Engine.Runs;

/// <summary>Asking for runs: the planned one, and the emergency that is asked for and started in one action.</summary>
public sealed class RunRequests(EventJournal journal, IncidentDesk incidents, PlanLibrary plans, PolicyDesk policies, ApprovalDesk approvals, RunRows rows, RunDoor door, TenantWall wall, TimeProvider time)
{
    public async Task<Run> Request(Actor actor, string incidentId, string plan, int? version, IReadOnlyDictionary<string, string> parameters, bool dryRun, string reason, CancellationToken ct = default)
    {
        actor.Require(Permission.Respond);
        var incident = await incidents.Get(actor, incidentId, ct);
        if (incident.Status == IncidentStatus.Closed) throw new RefusedException(RefusalKind.Conflict, $"Incident {incident.Number} is closed; declare a new one.");
        var found = await plans.Get(plan, version, ct);
        // A plan that is about another service works on that one, whatever the incident is called: its name is what people approve and type, and whoever may not see it cannot use it.
        var service = found.Plan.Service ?? incident.Service;
        await wall.Require(actor, service, "plan", ct);
        var id = "run-" + Guid.CreateVersion7().ToString("N");
        var now = time.GetUtcNow();
        var verdict = await policies.For(found.Plan, incident.Service, incident.Environment, incident.Severity, dryRun, actor, ct);
        var request = new RequestRun(id, incidentId, found, service, incident.Environment, parameters, dryRun, reason, actor.Person, now, verdict, [.. actor.Roles, .. actor.Groups]);
        if (!dryRun && verdict.Blocks.Count == 0 && verdict.Approvals.All(a => a.AtEnd)) await approvals.RequireFree(service, incident.Environment, found.Plan.Purpose, ct);
        var run = dryRun
            ? (await journal.Execute(Streams.Runs, id, s => RunDecider.Decide(s, request), actor.Person, now, ct)).State
            : (await journal.ExecuteBoth(Streams.Runs, id, s => RunDecider.Decide(s, request),
                Streams.Incidents, incidentId, (s, _) => IncidentDecider.Decide(s, new LinkRun(id, plan, "requested", $"Asked for '{found.Plan.Title}'", actor.Person, now)), actor.Person, now, ct)).First;
        await door.WakeWhenLive(run, ct);
        return run;
    }

    /// <summary>The service's emergency rollback or circuit breaker, in one confirmed action: asked for, and started at once where the policy lets a commander do so.</summary>
    /// <param name="confirm">The name of the service, typed by whoever orders it.</param>
    /// <exception cref="RefusedException">There is no such plan, the name is another, or a parameter is missing.</exception>
    public async Task<Run> Emergency(Actor actor, string incidentId, PlanPurpose purpose, string confirm, IReadOnlyDictionary<string, string> parameters, string reason, CancellationToken ct = default)
    {
        actor.Require(Permission.Command);
        var incident = await incidents.Get(actor, incidentId, ct);
        if (confirm != incident.Service) throw new RefusedException(RefusalKind.Invalid, $"Type the name of the service, {incident.Service}, to say that you mean it.", "confirm");
        var plan = await EmergencyPlan(actor, incident.Service, purpose, ct)
            ?? throw new RefusedException(RefusalKind.NotFound, $"The library has no {(purpose == PlanPurpose.Emergency ? "emergency rollback" : "circuit breaker")} for {incident.Service}.");
        var (values, refusal) = ParameterValues.Bind(plan.Plan, parameters);
        if (refusal is not null) throw new RefusedException(refusal);
        var digest = RunDigest.Of(plan.Digest, values, incident.Service, incident.Environment, dryRun: false);
        // What is under way or asked for exactly so is what is meant: a second press must not become a second rollback. Anything else is another one, and says so.
        for (var tries = 1; ; tries++)
        {
            var same = await Same(actor, incident, plan, digest, ct);
            var run = same ?? await Request(actor, incidentId, plan.Name, plan.Version, parameters, dryRun: false, reason, ct);
            try
            {
                return await AtOnce(actor, run, reason, ct);
            }
            catch (RefusedException e) when (e.Refusal.Kind == RefusalKind.Conflict && tries < MostTries)
            {
                // Somebody was quicker between the look and the start, with this very run or with another: look again, and leave nothing of this press to start later.
                if (same is null) await approvals.Withdraw(actor, run.Id, e.Refusal.Reason, ct);
            }
        }
    }

    /// <summary>Presses of several people at one moment; whoever loses this often is told why.</summary>
    private const int MostTries = 4;

    /// <summary>The plan behind the emergency buttons of a service; null when nobody wrote one.</summary>
    public async Task<PlanVersion?> EmergencyPlan(Actor actor, string service, PlanPurpose purpose, CancellationToken ct = default)
    {
        actor.Require(Permission.See);
        return (await plans.For(service, ct)).Where(p => p.Plan.Purpose == purpose && p.Plan.Service == service).OrderBy(p => p.Name, StringComparer.Ordinal).FirstOrDefault();
    }

    /// <summary>Neither approvals nor a maintenance window hold an emergency up, where the policy lets a commander start it alone.</summary>
    private async Task<Run> AtOnce(Actor actor, Run run, string reason, CancellationToken ct) =>
        run.Policy.BreakGlass && (run.Status == RunStatus.AwaitingApproval || run.WaitsForWindow(time.GetUtcNow())) ? await approvals.BreakGlass(actor, run.Id, run.Digest, reason, ct) : run;

    private async Task<Run?> Same(Actor actor, Incident incident, PlanVersion plan, string digest, CancellationToken ct)
    {
        if (await rows.AtWork(incident.Service, incident.Environment, plan.Plan.Purpose, ct) is { } working && await door.Get(actor, working.Id, ct) is var run)
            return run.Digest == digest ? run : throw ApprovalDesk.Taken(working);
        foreach (var waiting in (await rows.Unfinished(incident.Id, ct)).Where(r => r.Plan == plan.Name && r is { Status: RunStatus.AwaitingApproval }))
            if (await door.Get(actor, waiting.Id, ct) is var asked && asked.Digest == digest) return asked;
        return null;
    }
}
