using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Quartz;
using RollbackConsole.Engine.Access;
using RollbackConsole.Engine.Approvals;
using RollbackConsole.Engine.Catalog;
using RollbackConsole.Engine.Communication;
using RollbackConsole.Engine.Drills;
using RollbackConsole.Engine.Incidents;
using RollbackConsole.Engine.Jobs;
using RollbackConsole.Engine.Journal;
using RollbackConsole.Engine.Library;
using RollbackConsole.Engine.Plans;
using RollbackConsole.Engine.Runs;
using RollbackConsole.Engine.Severity;
using RollbackConsole.Engine.Signals;

namespace RollbackConsole.Engine;

public static class EngineSetup
{
    /// <summary>What people and programs can do: plans, incidents, runs, signals, drills. Needs no scheduler.</summary>
    public static IServiceCollection AddEngine(this IServiceCollection services)
    {
        services.AddSingleton<DocumentLibrary>().AddSingleton<CatalogDesk>().AddSingleton<SeverityDesk>().AddSingleton<ProposalDesk>().AddSingleton<PolicyDesk>().AddSingleton<TenantWall>().AddSingleton<CheckpointWriter>()
            .AddSingleton<FiringNow>().AddSingleton<BoardDetails>().AddSingleton<IncidentOpener>().AddSingleton<AutomaticRollback>().AddSingleton<AlertIntake>();
        services.AddSingleton<Templates>().AddSingleton<PlanLibrary>().AddSingleton<PlanPreview>().AddSingleton<IncidentDesk>().AddSingleton<RunDoor>().AddSingleton<RunControl>().AddSingleton<RunRequests>().AddSingleton<ApprovalDesk>()
            .AddSingleton<SignalIntake>().AddSingleton<DrillRunner>().AddSingleton<Timeline>().AddSingleton<IStepRunner, StepRunner>().AddSingleton<IRunStore, PostgresRunStore>().AddSingleton<RunExecutor>();
        return services;
    }

    /// <summary>The background work on Quartz, clustered on PostgreSQL.</summary>
    public static IServiceCollection AddEngineJobs(this IServiceCollection services, int mostRuns)
    {
        services.AddQuartz(q =>
        {
            q.ConfigureScheduler(o =>
            {
                o.InstanceName = "rollback-console";
                o.GenerateInstanceId = true;
                o.ShutdownJobInterruption = ShutdownJobInterruption.Always;
            });
            q.UseDefaultThreadPool(pool => pool.MaxConcurrency = mostRuns);
            q.UsePersistentStore(store =>
            {
                store.UsePostgres(o => o.DataSourceFactory = s => s.GetRequiredService<NpgsqlDataSource>());
                store.UseSystemTextJsonSerializer();
                store.ProvisionSchema();
                store.UseClustering(c =>
                {
                    // A dead node is noticed after about two of these; the lease on the run, not this, decides who may go on.
                    c.CheckinInterval = TimeSpan.FromSeconds(1);
                    c.CheckinMisfireThreshold = TimeSpan.FromSeconds(1);
                });
            });
        });
        services.AddQuartzHostedService(o => o.WaitForJobsToComplete = true);
        services.AddSingleton<IRunJobs, QuartzRunJobs>();
        services.AddHostedService<RunReconciler>().AddHostedService(s => s.GetRequiredService<CheckpointWriter>());
        services.AddHostedService<PointRetention>().AddHostedService<ClockWatch>().AddHostedService<AlertWorker>().AddHostedService<PrometheusQueries>().AddHostedService<OutboxSender>();
        services.AddSingleton<IChannel, WebhookChannel>();
        return services;
    }
}
