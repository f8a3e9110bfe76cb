using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Engine.Jobs;
using RollbackConsole.Engine.Plans;
using RollbackConsole.Store.Journal;

namespace RollbackConsole.Engine.Runs;

/// <summary>What people do with runs. Pages and API come in through the same doors, and every door asks for the permission.</summary>
public sealed class RunControl(EventJournal journal, PlanLibrary plans, PlanPreview previews, IRunJobs jobs, TimeProvider time)
{
    /// <exception cref="RefusedException">No such run.</exception>
    public async Task<Run> Get(Actor actor, string id, CancellationToken ct = default)
    {
        actor.Require(Permission.See);
        var run = (await journal.Load(Streams.Runs, id, ct)).State;
        return run.Exists ? run : throw new RefusedException(RefusalKind.NotFound, "There is no such run.");
    }

    public async Task<Run> Request(Actor actor, string incidentId, string plan, int? version, IReadOnlyDictionary<string, string> parameters, bool dryRun, string reason, CancellationToken ct = default)
    {
        actor.Require(Permission.Respond);
        var incident = (await journal.Load(Streams.Incidents, incidentId, ct)).State;
        if (!incident.Exists) throw new RefusedException(RefusalKind.NotFound, "There is no such incident.");
        if (incident.Status == IncidentStatus.Closed) throw new RefusedException(RefusalKind.Conflict, $"Incident {incident.Number} is closed; declare a new one.");
        var found = await plans.Get(plan, version, ct);
        var id = "run-" + Guid.CreateVersion7().ToString("N");
        var now = time.GetUtcNow();
        var run = await journal.Execute(Streams.Runs, id, s => RunDecider.Decide(s,
            new RequestRun(id, incidentId, found, incident.Service, incident.Environment, parameters, dryRun, reason, actor.Person, now)), actor.Person, now, ct);
        if (!dryRun)
            await journal.Execute(Streams.Incidents, incidentId, s => IncidentDecider.Decide(s,
                new LinkRun(id, plan, "requested", $"Asked for '{found.Plan.Title}'", actor.Person, now)), actor.Person, now, ct);
        await WakeWhenLive(run.State, ct);
        return run.State;
    }

    /// <summary>Approves or rejects exactly what the digest names.</summary>
    public async Task<Run> Decide(Actor actor, string id, bool approve, string? group, string digest, string comment, CancellationToken ct = default)
    {
        actor.Require(Permission.See);
        var run = await Execute(actor, id, now => new DecideApproval(approve, group, digest, comment, actor, now), ct);
        // What was decided by asking is open again when the answer is no.
        if (run is { Outcome: RunOutcome.Rejected, DryRun: false })
        {
            var now = time.GetUtcNow();
            await journal.Execute(Streams.Incidents, run.IncidentId, s => IncidentDecider.Decide(s, new LinkRun(run.Id, run.Plan.Name, "rejected", $"'{run.Plan.Title}' was rejected", actor.Person, now)), actor.Person, now, ct);
        }
        return run;
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
        var now = time.GetUtcNow();
        var run = await journal.Execute(Streams.Runs, id, s => RunDecider.Decide(s, command(now)), actor.Person, now, ct);
        await WakeWhenLive(run.State, ct);
        return run.State;
    }

    private async Task WakeWhenLive(Run run, CancellationToken ct)
    {
        if (run.Status == RunStatus.Queued) await jobs.Wake(run.Id, ct);
    }
}
