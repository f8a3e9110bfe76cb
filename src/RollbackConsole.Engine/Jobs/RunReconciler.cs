using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using RollbackConsole.Engine.Approvals;
using RollbackConsole.Engine.Runs;
using RollbackConsole.Store.Runs;

namespace RollbackConsole.Engine.Jobs;

/// <summary>Finds approved, unfinished runs that nobody holds and wakes them: a crash between approval and job strands nothing. Ends what nobody answered in time.</summary>
public sealed class RunReconciler(RunRows runs, ApprovalDesk approvals, IRunJobs jobs, IOptions<EngineOptions> options, TimeProvider time, ILogger<RunReconciler> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                await Task.Delay(options.Value.ReconcileEvery, time, stoppingToken);
                try
                {
                    // First what is over, so that nothing stale is woken.
                    foreach (var run in await runs.Expired(time.GetUtcNow(), stoppingToken)) await Each(run, r => approvals.Expire(r, stoppingToken), stoppingToken);
                    foreach (var run in await runs.Unheld(stoppingToken)) await Each(run, r => jobs.Wake(r, stoppingToken), stoppingToken);
                }
                catch (Exception e) when (!stoppingToken.IsCancellationRequested)
                {
                    log.LogWarning(e, "The reconciler could not look after unheld or expired runs");
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The node stops.
        }
    }

    /// <summary>One run's trouble must not keep the others waiting.</summary>
    private async Task Each(string run, Func<string, Task> work, CancellationToken ct)
    {
        try
        {
            await work(run);
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            log.LogError(e, "The reconciler could not look after run {Run}", run);
        }
    }
}
