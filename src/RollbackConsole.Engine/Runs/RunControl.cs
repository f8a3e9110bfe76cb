using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Approvals;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Engine.Access;
using RollbackConsole.Engine.Approvals;
using RollbackConsole.Engine.Jobs;
using RollbackConsole.Engine.Plans;
using RollbackConsole.Store.Journal;
using RollbackConsole.Store.Runs;

namespace RollbackConsole.Engine.Runs;

/// <summary>What people do with runs. Pages and API come in through the same doors, and every door asks for the permission.</summary>
public sealed class RunControl(EventJournal journal, PlanLibrary plans, PlanPreview previews, PolicyDesk policies, RunRows rows, TenantWall wall, IRunJobs jobs, TimeProvider time)
{
    /// <exception cref="RefusedException">No such run.</exception>
    public async Task<Run> Get(Actor actor, string id, CancellationToken ct = default)
    {
        actor.Require(Permission.See);
        var run = (await journal.Load(Streams.Runs, id, ct)).State;
        if (!run.Exists) throw new RefusedException(RefusalKind.NotFound, "There is no such run.");
        await wall.Require(actor, run.Service, "run", ct);
        return run;
    }

    public async Task<Run> Request(Actor actor, string incidentId, string plan, int? version, IReadOnlyDictionary<string, string> parameters, bool dryRun, string reason, CancellationToken ct = default)
    {
        actor.Require(Permission.Respond);
        var incident = (await journal.Load(Streams.Incidents, incidentId, ct)).State;
        if (!incident.Exists) throw new RefusedException(RefusalKind.NotFound, "There is no such incident.");
        await wall.Require(actor, incident.Service, "incident", ct);
        if (incident.Status == IncidentStatus.Closed) throw new RefusedException(RefusalKind.Conflict, $"Incident {incident.Number} is closed; declare a new one.");
        var found = await plans.Get(plan, version, ct);
        var id = "run-" + Guid.CreateVersion7().ToString("N");
        var now = time.GetUtcNow();
        var verdict = await policies.For(found.Plan, incident.Service, incident.Environment, incident.Severity, dryRun, actor, ct);
        var request = new RequestRun(id, incidentId, found, incident.Service, incident.Environment, parameters, dryRun, reason, actor.Person, now, verdict, [.. actor.Roles, .. actor.Groups]);
        var run = dryRun
            ? (await journal.Execute(Streams.Runs, id, s => RunDecider.Decide(s, request), actor.Person, now, ct)).State
            : (await journal.ExecuteBoth(Streams.Runs, id, s => RunDecider.Decide(s, request),
                Streams.Incidents, incidentId, (s, _) => IncidentDecider.Decide(s, new LinkRun(id, plan, "requested", $"Asked for '{found.Plan.Title}'", actor.Person, now)), actor.Person, now, ct)).First;
        await WakeWhenLive(run, ct);
        return run;
    }

    /// <summary>Approves or rejects exactly what the digest names, under the policies that are in force now.</summary>
    public async Task<Run> Decide(
        Actor actor, string id, bool approve, string? group, string digest, string comment, CancellationToken ct = default, IReadOnlyList<string>? items = null, string? reference = null)
    {
        actor.Require(Permission.See);
        actor.RequireScope(Permission.Approve);
        var run = await Get(actor, id, ct);
        var verdict = run.Status == RunStatus.AwaitingApproval ? await PolicyNow(run, ct) : run.Policy;
        var now = time.GetUtcNow();
        var decided = (await journal.ExecuteBoth(Streams.Runs, id, s => WithPolicy(s, verdict, now, new DecideApproval(approve, group, digest, comment, actor, now, items, reference)),
            Streams.Incidents, run.IncidentId, (s, r) => Reopened(s, r, actor.Person, now), actor.Person, now, ct)).First;
        await WakeWhenLive(decided, ct);
        return decided;
    }

    /// <summary>Says that somebody looks at the request.</summary>
    public Task<Run> Claim(Actor actor, string id, CancellationToken ct = default)
    {
        actor.Require(Permission.See);
        actor.RequireScope(Permission.Approve);
        return Execute(actor, id, now => new ClaimApproval(actor, now), ct);
    }

    /// <summary>Starts without the approvals that are missing, where the policy lets a commander do so. Everybody is told, and a review is owed.</summary>
    public async Task<Run> BreakGlass(Actor actor, string id, string digest, string reason, CancellationToken ct = default)
    {
        actor.Require(Permission.Command);
        var run = await Get(actor, id, ct);
        var verdict = run.Status == RunStatus.AwaitingApproval ? await PolicyNow(run, ct) : run.Policy;
        var now = time.GetUtcNow();
        var broken = (await journal.ExecuteBoth(Streams.Runs, id, s => WithPolicy(s, verdict, now, new BreakGlass(reason, digest, actor.Person, now)),
            Streams.Incidents, run.IncidentId, (s, r) => r.Glass is { } g ? IncidentDecider.Decide(s, new OweReview(id, run.Plan.Title, g.Reason, g.ReviewBy, actor.Person, now)) : Decision.Accept(), actor.Person, now, ct)).First;
        await WakeWhenLive(broken, ct);
        return broken;
    }

    /// <summary>The service's emergency rollback or circuit breaker, in one confirmed action: asked for, and started at once where the policy lets a commander do so.</summary>
    /// <param name="confirm">The name of the service, typed by whoever orders it.</param>
    /// <exception cref="RefusedException">There is no such plan, the name is another, or a parameter is missing.</exception>
    public async Task<Run> Emergency(Actor actor, string incidentId, PlanPurpose purpose, string confirm, IReadOnlyDictionary<string, string> parameters, string reason, CancellationToken ct = default)
    {
        actor.Require(Permission.Command);
        var incident = (await journal.Load(Streams.Incidents, incidentId, ct)).State;
        if (!incident.Exists) throw new RefusedException(RefusalKind.NotFound, "There is no such incident.");
        await wall.Require(actor, incident.Service, "incident", ct);
        if (confirm != incident.Service) throw new RefusedException(RefusalKind.Invalid, $"Type the name of the service, {incident.Service}, to say that you mean it.", "confirm");
        var plan = await EmergencyPlan(actor, incident.Service, purpose, ct)
            ?? throw new RefusedException(RefusalKind.NotFound, $"The library has no {(purpose == PlanPurpose.Emergency ? "emergency rollback" : "circuit breaker")} for {incident.Service}.");
        // What was asked for and not started yet is what is meant: a second try must not become a second rollback.
        var waiting = (await rows.OfIncident(incidentId, ct)).Find(r => r.Plan == plan.Name && r.PlanVersion == plan.Version && r is { Status: RunStatus.AwaitingApproval, DryRun: false });
        var run = waiting is not null ? await Get(actor, waiting.Id, ct) : await Request(actor, incidentId, plan.Name, plan.Version, parameters, dryRun: false, reason, ct);
        return run is { Status: RunStatus.AwaitingApproval, Policy.BreakGlass: true } ? await BreakGlass(actor, run.Id, run.Digest, reason, ct) : run;
    }

    /// <summary>The plan behind the emergency buttons of a service; null when nobody wrote one.</summary>
    public async Task<PlanVersion?> EmergencyPlan(Actor actor, string service, PlanPurpose purpose, CancellationToken ct = default)
    {
        actor.Require(Permission.See);
        return (await plans.For(service, ct)).Where(p => p.Plan.Purpose == purpose && p.Plan.Service == service).OrderBy(p => p.Name, StringComparer.Ordinal).FirstOrDefault();
    }

    /// <summary>What the policies in force ask of a run that waits, now.</summary>
    public async Task<PolicyVerdict> PolicyNow(Run run, CancellationToken ct = default)
    {
        var incident = (await journal.Load(Streams.Incidents, run.IncidentId, ct)).State;
        // The requester's groups are those that they had when they asked: a verdict is about that request.
        var facts = await policies.Facts(run.Plan, run.Service, run.Environment, incident.Severity, run.DryRun, new Actor(run.RequestedBy!.Id, run.RequestedBy.Name, [], run.RequesterGroups), ct);
        return policies.For(await policies.All(ct), facts);
    }

    /// <summary>The run of the same plan in the same place that was carried out last; null when this is the first.</summary>
    public async Task<Run?> LastApproved(Actor actor, Run run, CancellationToken ct = default)
    {
        actor.Require(Permission.See);
        return await rows.LastApproved(run.Plan.Name, run.Service, run.Environment, run.Id, ct) is { } id ? (await journal.Load(Streams.Runs, id, ct)).State : null;
    }

    /// <summary>Looks at an approved run once more before anything begins: policies, severity and windows may have changed since.</summary>
    internal async Task Recheck(string id, CancellationToken ct)
    {
        var run = (await journal.Load(Streams.Runs, id, ct)).State;
        if (!run.Exists || run.Epoch > 0 || run.DryRun || run.Glass is not null || run.Status is not (RunStatus.Queued or RunStatus.Running)) return;
        var verdict = await PolicyNow(run, ct);
        var now = time.GetUtcNow();
        if (RunDecider.Decide(run, new RefreshPolicy(verdict, now)).Events.Count > 0)
            await journal.Execute(Streams.Runs, id, s => RunDecider.Decide(s, new RefreshPolicy(verdict, now)), Person.Console, now, ct);
    }

    /// <summary>Ends what nobody answered in time.</summary>
    internal async Task Expire(string id, CancellationToken ct)
    {
        var run = (await journal.Load(Streams.Runs, id, ct)).State;
        var now = time.GetUtcNow();
        await journal.ExecuteBoth(Streams.Runs, id, s => RunDecider.Decide(s, new ExpireRun(now)), Streams.Incidents, run.IncidentId, (s, r) => Reopened(s, r, Person.Console, now), Person.Console, now, ct);
    }

    public Task<Run> Recover(Actor actor, string id, string reason, CancellationToken ct = default) => Command(actor, id, now => new RecoverRun(reason, actor.Person, now), ct);

    /// <summary>Answers an approval step in the middle or at the end of a run.</summary>
    public Task<Run> AnswerGate(Actor actor, string id, string step, bool approve, string comment, IReadOnlyList<string>? items, string? reference, CancellationToken ct = default)
    {
        actor.Require(Permission.See);
        actor.RequireScope(Permission.Approve);
        return Execute(actor, id, now => new AnswerGate(step, approve, comment, actor, now, items, reference), ct);
    }

    public Task<Run> Pause(Actor actor, string id, string reason, CancellationToken ct = default) => Command(actor, id, now => new PauseRun(reason, actor.Person, now), ct);

    public Task<Run> Resume(Actor actor, string id, string reason, CancellationToken ct = default) => Command(actor, id, now => new ResumeRun(reason, actor.Person, now), ct);

    public Task<Run> Abort(Actor actor, string id, string reason, CancellationToken ct = default) => Command(actor, id, now => new AbortRun(reason, actor.Person, now), ct);

    public Task<Run> Retry(Actor actor, string id, string step, string reason, CancellationToken ct = default) => Command(actor, id, now => new RetryStep(step, reason, actor.Person, now), ct);

    public Task<Run> Skip(Actor actor, string id, string step, string reason, CancellationToken ct = default) => Command(actor, id, now => new SkipStep(step, reason, actor.Person, now), ct);

    public Task<Run> Settle(Actor actor, string id, string step, StepStatus outcome, string reason, CancellationToken ct = default) => Command(actor, id, now => new SettleOutcome(step, outcome, reason, actor.Person, now), ct);

    public Task<Run> Confirm(Actor actor, string id, string step, IReadOnlyList<string> items, CancellationToken ct = default)
    {
        actor.Require(Permission.Respond);
        return Execute(actor, id, now => new ConfirmStep(step, items, actor.Person, now), ct);
    }

    /// <summary>What the run would do, step by step.</summary>
    public async Task<IReadOnlyList<StepPreview>> Preview(Actor actor, Run run, CancellationToken ct = default)
    {
        actor.Require(Permission.See);
        var incident = (await journal.Load(Streams.Incidents, run.IncidentId, ct)).State;
        return await previews.Of(run.Plan, run.Parameters, run.Service, run.Environment, incident, run.Id, run.Reason, ct);
    }

    private Task<Run> Command(Actor actor, string id, Func<DateTimeOffset, RunCommand> command, CancellationToken ct)
    {
        actor.Require(Permission.Command);
        return Execute(actor, id, command, ct);
    }

    private async Task<Run> Execute(Actor actor, string id, Func<DateTimeOffset, RunCommand> command, CancellationToken ct)
    {
        await Get(actor, id, ct);
        var now = time.GetUtcNow();
        var run = await journal.Execute(Streams.Runs, id, s => RunDecider.Decide(s, command(now)), actor.Person, now, ct);
        await WakeWhenLive(run.State, ct);
        return run.State;
    }

    /// <summary>The policies of this moment first, then the command, in one append.</summary>
    private static Decision WithPolicy(Run s, PolicyVerdict verdict, DateTimeOffset now, RunCommand command)
    {
        var refreshed = RunDecider.Decide(s, new RefreshPolicy(verdict, now));
        if (!s.Exists || refreshed.Refusal is not null) return RunDecider.Decide(s, command);
        var after = refreshed.Events.Aggregate(s, Run.Apply);
        var decision = RunDecider.Decide(after, command);
        return decision.Refusal is null ? Decision.Accept([.. refreshed.Events, .. decision.Events]) : decision;
    }

    /// <summary>What was decided by asking is open again when the answer is no, or none.</summary>
    private static Decision Reopened(Incident s, Run run, Person by, DateTimeOffset now)
    {
        if (run is not { DryRun: false, Outcome: RunOutcome.Rejected or RunOutcome.Expired }) return Decision.Accept();
        var word = run.Outcome == RunOutcome.Rejected ? "rejected" : "expired";
        return IncidentDecider.Decide(s, new LinkRun(run.Id, run.Plan.Name, word, $"'{run.Plan.Title}' {(word == "rejected" ? "was rejected" : "expired")}", by, now));
    }

    private async Task WakeWhenLive(Run run, CancellationToken ct)
    {
        if (run.Status == RunStatus.Queued && !(run.NotBefore > time.GetUtcNow())) await jobs.Wake(run.Id, ct);
    }
}
