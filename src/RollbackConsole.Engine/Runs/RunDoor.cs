using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Engine.Access;
using RollbackConsole.Engine.Jobs;
using RollbackConsole.Store.Journal;

namespace RollbackConsole.Engine.Runs;

/// <summary>The one way to a run: who may see it, and what follows when it goes live.</summary>
public sealed class RunDoor(EventJournal journal, TenantWall wall, IRunJobs jobs, TimeProvider time)
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

    internal async Task<Run> Execute(Actor actor, string id, Func<DateTimeOffset, RunCommand> command, CancellationToken ct)
    {
        await Get(actor, id, ct);
        var now = time.GetUtcNow();
        var run = await journal.Execute(Streams.Runs, id, s => RunDecider.Decide(s, command(now)), actor.Person, now, ct);
        await WakeWhenLive(run.State, ct);
        return run.State;
    }

    internal async Task WakeWhenLive(Run run, CancellationToken ct)
    {
        if (run.Status == RunStatus.Queued && !(run.NotBefore > time.GetUtcNow())) await jobs.Wake(run.Id, ct);
    }
}
