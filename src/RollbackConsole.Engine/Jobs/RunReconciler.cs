using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using Quartz;
using RollbackConsole.Engine.Runs;
using RollbackConsole.Store.Runs;

namespace RollbackConsole.Engine.Jobs;

/// <summary>Finds approved, unfinished runs that nobody holds and wakes them: a crash between approval and job strands nothing.</summary>
public sealed class RunReconciler(RunRows runs, IRunJobs jobs, IOptions<EngineOptions> options, TimeProvider time, ILogger<RunReconciler> log) : BackgroundService
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
                    foreach (var run in await runs.Unheld(stoppingToken)) await jobs.Wake(run, stoppingToken);
                }
                catch (Exception e) when (e is NpgsqlException or SchedulerException)
                {
                    log.LogWarning("The reconciler could not look for unheld runs: {Reason}", e.Message);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The node stops.
        }
    }
}
