using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Engine.Approvals;
using RollbackConsole.Engine.Plans;
using RollbackConsole.Store.Journal;

namespace RollbackConsole.Engine.Runs;

/// <summary>What people do with a run that goes on. Pages and API come in through the same doors, and every door asks for the permission.</summary>
public sealed class RunControl(EventJournal journal, PlanPreview previews, RunDoor door, TimeProvider time)
{
    /// <exception cref="RefusedException">No such run.</exception>
    public Task<Run> Get(Actor actor, string id, CancellationToken ct = default) => door.Get(actor, id, ct);

    public Task<Run> Recover(Actor actor, string id, string reason, CancellationToken ct = default) => Command(actor, id, now => new RecoverRun(reason, actor.Person, now), ct);

    public Task<Run> Pause(Actor actor, string id, string reason, CancellationToken ct = default) => Command(actor, id, now => new PauseRun(reason, actor.Person, now), ct);

    public Task<Run> Resume(Actor actor, string id, string reason, CancellationToken ct = default) => Command(actor, id, now => new ResumeRun(reason, actor.Person, now), ct);

    /// <summary>Ends the run. One that has not begun ends here and now, and what was decided by asking for it is open again.</summary>
    public async Task<Run> Abort(Actor actor, string id, string reason, CancellationToken ct = default)
    {
        actor.Require(Permission.Command);
        var run = await door.Get(actor, id, ct);
        var now = time.GetUtcNow();
        return (await journal.ExecuteBoth(Streams.Runs, id, s => RunDecider.Decide(s, new AbortRun(reason, actor.Person, now)),
            Streams.Incidents, run.IncidentId, (s, r) => ApprovalDesk.Reopened(s, r, actor.Person, now), actor.Person, now, ct)).First;
    }

    /// <param name="attempt">The attempt that the person looked at; a decision about an older one is refused.</param>
    public Task<Run> Retry(Actor actor, string id, string step, string reason, int? attempt = null, CancellationToken ct = default) => Command(actor, id, now => new RetryStep(step, reason, actor.Person, now, attempt), ct);

    public Task<Run> Skip(Actor actor, string id, string step, string reason, int? attempt = null, CancellationToken ct = default) => Command(actor, id, now => new SkipStep(step, reason, actor.Person, now, attempt), ct);

    public Task<Run> Settle(Actor actor, string id, string step, StepStatus outcome, string reason, int? attempt = null, CancellationToken ct = default) =>
        Command(actor, id, now => new SettleOutcome(step, outcome, reason, actor.Person, now, attempt), ct);

    public Task<Run> Confirm(Actor actor, string id, string step, IReadOnlyList<string> items, CancellationToken ct = default)
    {
        actor.Require(Permission.Respond);
        return door.Execute(actor, id, now => new ConfirmStep(step, items, actor.Person, now), ct);
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
        return door.Execute(actor, id, command, ct);
    }
}
