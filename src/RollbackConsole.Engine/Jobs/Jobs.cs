using Microsoft.Extensions.Logging;
using Quartz;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Engine.Approvals;
using RollbackConsole.Engine.Runs;

namespace RollbackConsole.Engine.Jobs;

/// <summary>The seam to the job engine: a wake-up for a run. Losing one costs seconds, never the run; the journal is the truth.</summary>
public interface IRunJobs
{
    /// <summary>Has some node of the cluster work on the run, now. Safe to call twice.</summary>
    Task Wake(string runId, CancellationToken ct);
}

/// <summary>Quartz behind the seam.</summary>
public sealed class QuartzRunJobs(ISchedulerFactory schedulers) : IRunJobs
{
    public const string RunId = "run";

    public async Task Wake(string runId, CancellationToken ct)
    {
        var scheduler = await schedulers.GetScheduler(ct);
        var key = new JobKey(runId, "runs");
        if (await scheduler.Exists(key, ct))
        {
            // A job whose trigger is in order will come. One that broke would wait for ever: make it anew; the lease keeps two from working at once.
            if (await scheduler.GetTriggerState(new TriggerKey(runId, "runs"), ct) is not (TriggerState.Error or TriggerState.None)) return;
            await scheduler.DeleteJob(key, ct);
        }
        var job = JobBuilder.Create<RunJob>().WithIdentity(key).UsingJobData(RunId, runId).RequestRecovery().Build();
        try
        {
            await scheduler.ScheduleJob(job, TriggerBuilder.Create().WithIdentity(runId, "runs").StartNow().Build(), cancellationToken: ct);
        }
        catch (ObjectAlreadyExistsException)
        {
            // Another node was quicker with the same wake-up.
        }
    }
}

/// <summary>Works on one run. Another node's scheduler starts it again when this node dies.</summary>
[DisallowConcurrentExecution]
public sealed class RunJob(RunExecutor executor, ApprovalDesk approvals, ILogger<RunJob> log) : IJob
{
    public async ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken = default)
    {
        var run = context.MergedJobDataMap.GetString(QuartzRunJobs.RunId)!;
        try
        {
            await approvals.Recheck(run, cancellationToken);
            await executor.Execute(run, cancellationToken);
            // A job that ends by cancellation is handed back: another node fires it, or this one when it starts again.
            cancellationToken.ThrowIfCancellationRequested();
        }
        catch (RefusedException e)
        {
            log.LogInformation("Run {Run} does not start now: {Reason}", run, e.Message);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // The reconciler wakes the run again; Quartz must not retry in a tight circle.
            log.LogError(e, "The job of run {Run} broke", run);
        }
    }
}
