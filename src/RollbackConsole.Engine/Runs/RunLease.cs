using Microsoft.Extensions.Logging;
using Npgsql;

namespace RollbackConsole.Engine.Runs;

/// <summary>This node's hold on one run under one epoch, and how long it may be trusted by this node's own clock.</summary>
internal sealed class RunLease(IRunStore store, string runId, int epoch, TimeSpan length, TimeProvider time, ILogger log)
{
    /// <summary>Counted from before the call that took or renewed it: never later than what the database believes.</summary>
    private long _since = time.GetTimestamp();

    /// <summary>The same moment on the wall: a suspended machine's monotonic clock stands still, the wall's does not.</summary>
    private DateTimeOffset _sinceWall = time.GetUtcNow();

    private bool Good => time.GetElapsedTime(Volatile.Read(ref _since)) < length && time.GetUtcNow() - _sinceWall < length;

    public async Task<bool> Take(string node, CancellationToken ct)
    {
        var (before, wall) = (time.GetTimestamp(), time.GetUtcNow());
        if (!await store.TryTake(runId, node, epoch, length, ct)) return false;
        Volatile.Write(ref _since, before);
        _sinceWall = wall;
        return true;
    }

    /// <summary>Is the run ours now? A process that was frozen past its lease asks before it does anything to the world.</summary>
    public async Task<bool> IsOurs(CancellationToken ct) => Good || await Renew(ct);

    /// <summary>Renews until the lease is lost or the run is let go; then cancels <paramref name="stop"/>.</summary>
    public async Task Keep(CancellationTokenSource stop)
    {
        try
        {
            while (true)
            {
                await Task.Delay(length / 3, time, stop.Token);
                try
                {
                    if (await Renew(stop.Token)) continue;
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

    public async Task Release()
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

    private async Task<bool> Renew(CancellationToken ct)
    {
        var (before, wall) = (time.GetTimestamp(), time.GetUtcNow());
        if (!await store.Renew(runId, epoch, length, ct)) return false;
        Volatile.Write(ref _since, before);
        _sinceWall = wall;
        return true;
    }
}
