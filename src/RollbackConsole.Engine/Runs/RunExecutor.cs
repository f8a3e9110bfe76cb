using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
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
            if (!loaded.State.Live || loaded.State.NotBefore > time.GetUtcNow()) return;
            var epoch = loaded.State.Epoch + 1;
            var lease = new RunLease(store, runId, epoch, options.Value.LeaseLength, time, log);
            if (!await lease.Take(folders.Node, shutdown)) return;
            using var stop = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
            using var patience = shutdown.UnsafeRegister(static s => ((Action)s!)(), (Action)(() => stop.CancelAfter(options.Value.HandOverWithin)));
            var keeping = lease.Keep(stop);
            try
            {
                await new RunSession(_parts, lease, runId, epoch, shutdown, stop.Token).Work(loaded);
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
                await keeping;
                await lease.Release();
            }
        }
        finally
        {
            _held.TryRemove(runId, out _);
        }
    }
}
