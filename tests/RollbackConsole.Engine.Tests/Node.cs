using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Engine.Approvals;
using RollbackConsole.Engine.Communication;
using RollbackConsole.Engine.Drills;
using RollbackConsole.Engine.Incidents;
using RollbackConsole.Engine.Library;
using RollbackConsole.Engine.Plans;
using RollbackConsole.Engine.Runs;
using RollbackConsole.Engine.Signals;
using RollbackConsole.Steps;
using RollbackConsole.Steps.Running;
using RollbackConsole.Store;
using RollbackConsole.Store.Communication;
using RollbackConsole.Store.Incidents;
using RollbackConsole.Store.Journal;
using RollbackConsole.Store.Runs;
using RollbackConsole.Store.Signals;

namespace RollbackConsole.Engine.Tests;

/// <summary>A console node without its pages: the real store, steps, engine and scheduler on a real database.</summary>
internal sealed class Node : IAsyncDisposable
{
    public static readonly Actor Admin = new("admin", "Admin", [Role.Admin], []);
    public static readonly Actor Commander = new("commander", "Commander", [Role.Commander], []);
    public static readonly Actor Approver = new("approver", "Approver", [Role.Approver], []);

    private readonly IHost _host;

    private Node(IHost host) => _host = host;

    /// <summary>A lease that no stall of a busy machine outlives, for nodes that hand over of their own will.</summary>
    public static readonly TimeSpan LongLease = TimeSpan.FromSeconds(20);

    public T Get<T>() where T : notnull => _host.Services.GetRequiredService<T>();

    /// <summary>Completes once the node has begun to stop.</summary>
    public Task Stopping()
    {
        var begun = new TaskCompletionSource();
        Get<IHostApplicationLifetime>().ApplicationStopping.Register(() => begun.TrySetResult());
        return begun.Task;
    }

    public RunControl Runs => Get<RunControl>();

    public RunRequests Requests => Get<RunRequests>();

    public ApprovalDesk Approvals => Get<ApprovalDesk>();

    public static async Task<Node> Start(string connection, string folder, string name = "node:1", TimeSpan? lease = null, TimeSpan? handOver = null, params (string, string)[] settings)
    {
        await using (var source = StoreSetup.Connect(connection)) await StoreSetup.Migrate(source, default);
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(settings.Select(s => KeyValuePair.Create(s.Item1, (string?)s.Item2)));
        builder.Logging.AddFilter(_ => false);
        builder.Services.AddSingleton<IConfiguration>(builder.Configuration).AddSingleton(TimeProvider.System).AddSingleton(new EngineFolders(name, folder));
        builder.Services.Configure<TargetOptions>(builder.Configuration.GetSection("Targets")).Configure<DrillOptions>(builder.Configuration.GetSection("Drills"))
            .Configure<ChannelOptions>(builder.Configuration.GetSection("Channels")).Configure<PrometheusOptions>(builder.Configuration.GetSection("Prometheus"));
        builder.Services.Configure<EngineOptions>(o =>
        {
            o.LeaseLength = lease ?? TimeSpan.FromSeconds(3);
            o.ReconcileEvery = TimeSpan.FromMilliseconds(300);
            o.LogFlushEvery = TimeSpan.FromMilliseconds(30);
            o.HandOverWithin = handOver ?? TimeSpan.FromSeconds(3);
        });
        builder.Services.Configure<HostOptions>(h => h.ShutdownTimeout = TimeSpan.FromSeconds(20));
        builder.Services.AddStore(connection).AddSteps().AddEngine().AddEngineJobs(16);
        var host = builder.Build();
        await StandardDocuments.Seed(host.Services.GetRequiredService<DocumentLibrary>(), Admin, default);
        await host.StartAsync();
        return new Node(host);
    }

    /// <summary>Keeps a plan and asks for a run of it on a fresh incident.</summary>
    public async Task<Run> Request(string yaml, bool dryRun = false, Dictionary<string, string>? parameters = null, string environment = "production", Actor? by = null)
    {
        var plan = await Get<PlanLibrary>().Put(Admin, null, yaml, default);
        var incident = await Get<IncidentDesk>().Declare(Commander, "Broken", "shop", environment, null, Level.High);
        return await Requests.Request(by ?? Commander, incident.Id, plan.Name, plan.Version, parameters ?? [], dryRun, "test");
    }

    public async Task<Run> RequestAndApprove(string yaml, Dictionary<string, string>? parameters = null)
    {
        var run = await Request(yaml, parameters: parameters);
        return await Approvals.Decide(Approver, run.Id, true, null, run.Digest, "");
    }

    /// <summary>Waits for a state, by looking; three minutes without it is a failure that shows the last state.</summary>
    public async Task<Run> Until(string run, Func<Run, bool> reached)
    {
        for (var tries = 0; ; tries++)
        {
            var state = (await Get<EventJournal>().Load(Streams.Runs, run)).State;
            if (reached(state)) return state;
            Assert.True(tries < 1800, $"The run is {state.Status}/{state.Outcome}: {string.Join(", ", state.Steps.Select(s => $"{s.Step.Id} {s.Status} {s.Summary}"))}");
            await Task.Delay(100);
        }
    }

    /// <summary>The only incident that there is, as its events tell it.</summary>
    public async Task<Incident> Only() => (await Get<EventJournal>().Load(Streams.Incidents, Assert.Single(await Get<IncidentRows>().List(null, null, 10)).Id)).State;

    /// <summary>Waits until the newest incident is in a state.</summary>
    public async Task<Incident> Incident(Func<Incident, bool> reached)
    {
        for (var tries = 0; ; tries++)
        {
            if ((await Get<IncidentRows>().List(null, null, 1)).FirstOrDefault() is { } row && (await Get<EventJournal>().Load(Streams.Incidents, row.Id)).State is var state && reached(state)) return state;
            Assert.True(tries < 1200, "The incident did not come into that state within two minutes.");
            await Task.Delay(100);
        }
    }

    /// <summary>Waits until no alert waits to be worked on.</summary>
    public async Task Drained()
    {
        for (var tries = 0; (await Get<AlertRows>().Waiting(1, default)).Count > 0; tries++)
        {
            Assert.True(tries < 3000, "Alerts still wait after five minutes.");
            await Task.Delay(100);
        }
    }

    /// <summary>Waits until whatever was to be sent for an incident has been told or missed.</summary>
    public async Task Told(string incident)
    {
        for (var tries = 0; (await Get<Outbox>().OfIncident(incident)).Any(d => d.Status == "pending"); tries++)
        {
            Assert.True(tries < 600, "Messages still wait after a minute.");
            await Task.Delay(100);
        }
    }

    public Task<Run> Finished(string run) => Until(run, r => r.Status == RunStatus.Finished);

    public async Task<List<string>> Lines(string run) => [.. (await Get<LogLines>().After(run, 0, 1_000_000)).Select(l => l.Text)];

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        if (_host is IAsyncDisposable disposable) await disposable.DisposeAsync();
        else _host.Dispose();
    }
}
