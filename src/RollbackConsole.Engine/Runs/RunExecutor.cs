using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using RollbackConsole.Store.Runs;

namespace RollbackConsole.Engine.Runs;

/// <summary>Works on a run from lease to end: asks the decider what is next, does it, appends, repeats.
/// Everything that it knows is in the journal; a node that dies here leaves nothing that another cannot read.</summary>
public sealed class RunExecutor(
    IRunStore store, IStepRunner steps, EngineFolders folders, IOptions<EngineOptions> options, TimeProvider time, ILogger<RunExecutor> log)
{
    private readonly RunSession.Parts _parts = new(store, steps, folders.Node, time, log);
    private readonly ConcurrentDictionary<string, bool> _held = new(StringComparer.Ordinal);

    /// <summary>Takes the run if it is free and works on it until it is finished, lost, or this node stops.</summary>
    /// <param name="shutdown">The node stops: steps that run may come to their end, nothing new starts, and the run is handed over.</param>
    public async Task Execute(string runId, CancellationToken shutdown)
    {
        if (!_held.TryAdd(runId, true)) return;
        try
        {
            var loaded = await store.Load(runId, shutdown);
            if (!loaded.State.Live || loaded.State.NotBefore > time.GetUtcNow() || !await store.TryTake(runId, folders.Node, loaded.State.Epoch + 1, options.Value.LeaseLength, shutdown)) return;
            var epoch = loaded.State.Epoch + 1;
            using var stop = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
            using var patience = shutdown.UnsafeRegister(static s => ((Action)s!)(), (Action)(() => stop.CancelAfter(options.Value.HandOverWithin)));
            var renewing = Renew(runId, epoch, stop);
            try
            {
                await new RunSession(_parts, runId, epoch, shutdown, stop.Token).Work(loaded);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                log.LogInformation("Run {Run} was let go under epoch {Epoch}", runId, epoch);
            }
            catch (LeaseLostException e)
            {
                log.LogWarning("{Reason}", e.Message);
            }
            finally
            {
                stop.Cancel();
                await renewing;
                await Release(runId, epoch);
            }
        }
        finally
        {
            _held.TryRemove(runId, out _);
        }
    }

    private async Task Renew(string runId, int epoch, CancellationTokenSource stop)
    {
        var length = options.Value.LeaseLength;
        try
        {
            while (true)
            {
                await Task.Delay(length / 3, time, stop.Token);
                try
                {
                    if (await store.Renew(runId, epoch, length, stop.Token)) continue;
                    log.LogWarning("The lease on run {Run} under epoch {Epoch} was lost", runId, epoch);
                    return;
                }
                catch (NpgsqlException e)
                {
                    // While PostgreSQL is away no other node can take the lease either; whoever comes back first decides.
                    log.LogWarning("The lease on run {Run} could not be renewed: {Reason}", runId, e.Message);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The run is over, or this node stops.
        }
        finally
        {
            // Whatever ended the renewing: without it the lease runs out, and the session must not go on.
            stop.Cancel();
        }
    }

    private async Task Release(string runId, int epoch)
    {
        try
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(5), time);
            await store.Release(runId, epoch, patience.Token);
        }
        catch (Exception e) when (e is NpgsqlException or OperationCanceledException)
        {
            log.LogWarning("The lease on run {Run} could not be released and will run out: {Reason}", runId, e.Message);
        }
    }
}
