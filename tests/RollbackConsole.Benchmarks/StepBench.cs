using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Engine;
using RollbackConsole.Engine.Approvals;
using RollbackConsole.Engine.Incidents;
using RollbackConsole.Engine.Library;
using RollbackConsole.Engine.Plans;
using RollbackConsole.Engine.Runs;
using RollbackConsole.Steps;
using RollbackConsole.Store;
using RollbackConsole.Store.Embedded;
using RollbackConsole.Store.Journal;

namespace RollbackConsole.Benchmarks;

/// <summary>The console's engine against the floor of the same machine and database, round by round in turn.</summary>
internal sealed class StepBench : IAsyncDisposable
{
    private const int Steps = 50;

    private static readonly Actor Admin = new("admin", "Admin", [Role.Admin], []);
    private static readonly Actor Commander = new("commander", "Commander", [Role.Commander], []);
    private static readonly Actor Approver = new("approver", "Approver", [Role.Approver], []);

    private readonly EmbeddedCluster _cluster;
    private readonly IHost _host;
    private readonly string _folder;

    private StepBench(EmbeddedCluster cluster, IHost host, string folder) => (_cluster, _host, _folder) = (cluster, host, folder);

    public static async Task<StepBench> Start(string folder)
    {
        var cluster = await EmbeddedCluster.Start(Path.Combine(folder, "postgres"), "console", CancellationToken.None);
        await using (var source = StoreSetup.Connect(cluster.ConnectionString)) await StoreSetup.Migrate(source, CancellationToken.None);
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Logging.AddFilter(_ => false);
        builder.Services.AddSingleton<IConfiguration>(builder.Configuration).AddSingleton(TimeProvider.System).AddSingleton(new EngineFolders("bench:1", folder));
        builder.Services.AddStore(cluster.ConnectionString).AddSteps().AddEngine().AddEngineJobs(8);
        var host = builder.Build();
        await StandardDocuments.Seed(host.Services.GetRequiredService<DocumentLibrary>(), Admin, CancellationToken.None);
        await host.StartAsync();
        return new StepBench(cluster, host, folder);
    }

    public async Task Run(int rounds)
    {
        var plan = await _host.Services.GetRequiredService<PlanLibrary>().Put(Admin, null, Yaml(), CancellationToken.None);
        await using var floor = StoreSetup.Connect(_cluster.ConnectionString);
        await using (var create = floor.CreateCommand("create table floor (n bigint generated always as identity primary key, step int, state text, at timestamptz)")) await create.ExecuteNonQueryAsync();
        var (console, bare, bash, start) = (new List<double>(), new List<double>(), new List<double>(), new List<double>());
        for (var round = -2; round < rounds; round++)
        {
            var (perStep, toFirst) = await Engine(plan.Name);
            var floorPerStep = await Floor(floor);
            var bashPerStep = await Bash();
            // The first two rounds warm up compilers and caches.
            if (round < 0) continue;
            console.Add(perStep);
            start.Add(toFirst);
            bare.Add(floorPerStep);
            bash.Add(bashPerStep);
        }
        Figures.Report("console, ms per step", console);
        Figures.Report("bare .NET (2 commits + 1 spawn), ms per step", bare);
        Figures.Report("bash with tee, ms per step", bash);
        Figures.Report("approve to first step, ms", start);
        Figures.Report("ratio console / bare .NET", [.. console.Zip(bare, (a, b) => a / b)]);
        Figures.Report("ratio console / bash", [.. console.Zip(bash, (a, b) => a / b)]);
    }

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
        await _cluster.DisposeAsync();
    }

    private async Task<(double PerStep, double ToFirst)> Engine(string plan)
    {
        var runs = _host.Services.GetRequiredService<RunRequests>();
        var approvals = _host.Services.GetRequiredService<ApprovalDesk>();
        var incident = await _host.Services.GetRequiredService<IncidentDesk>().Declare(Commander, "Bench", "bench", "production", null, Level.Low);
        var run = await runs.Request(Commander, incident.Id, plan, null, new Dictionary<string, string>(), false, "bench");
        using var changed = _host.Services.GetRequiredService<ChangeFeed>().Watch(Streams.Runs.Stream(run.Id));
        var approved = (await approvals.Decide(Approver, run.Id, true, null, run.Digest, "")).ApprovedAt!.Value;
        var state = run;
        while (state.Status != RunStatus.Finished)
        {
            await changed.Wait(CancellationToken.None);
            // Looking at every change would load the database like a viewer that redraws each line; a page settles for 100 ms too.
            await Task.Delay(100);
            state = (await _host.Services.GetRequiredService<EventJournal>().Load(Streams.Runs, run.Id)).State;
        }
        if (state.Outcome != RunOutcome.Succeeded) throw new InvalidOperationException(state.Summary);
        var first = state.Steps[0].StartedAt!.Value;
        // By the journal's own times: the first start to the run's end.
        return ((state.FinishedAt!.Value - first).TotalMilliseconds / Steps, (first - approved).TotalMilliseconds);
    }

    /// <summary>The least that a durable runner can do: commit the start, spawn, commit the end.</summary>
    private static async Task<double> Floor(NpgsqlDataSource source)
    {
        var started = Stopwatch.GetTimestamp();
        for (var step = 0; step < Steps; step++)
        {
            await Commit(step, "started");
            using var process = Process.Start(new ProcessStartInfo("/bin/true") { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true })!;
            await process.WaitForExitAsync();
            await Commit(step, "finished");
        }
        return Stopwatch.GetElapsedTime(started).TotalMilliseconds / Steps;

        async Task Commit(int step, string state)
        {
            await using var command = source.CreateCommand("insert into floor (step, state, at) values ($1, $2, now())");
            command.Parameters.AddWithValue(step);
            command.Parameters.AddWithValue(state);
            await command.ExecuteNonQueryAsync();
        }
    }

    private async Task<double> Bash()
    {
        var log = Path.Combine(_folder, "bash.log");
        var script = $"for i in $(seq {Steps}); do echo \"[$(date +'%F %T')] step $i starts\" | tee -a '{log}' >/dev/null; /bin/true; echo \"[$(date +'%F %T')] step $i done\" | tee -a '{log}' >/dev/null; done";
        var started = Stopwatch.GetTimestamp();
        using var process = Process.Start(new ProcessStartInfo("bash", ["-c", script]) { UseShellExecute = false })!;
        await process.WaitForExitAsync();
        return Stopwatch.GetElapsedTime(started).TotalMilliseconds / Steps;
    }

    private static string Yaml()
    {
        var yaml = new StringBuilder("plan: bench\ntitle: Bench\nsteps:\n");
        for (var n = 1; n <= Steps; n++) yaml.Append(CultureInfo.InvariantCulture, $"  - {{ id: s{n}, uses: command/run, with: {{ argv: [/bin/true] }} }}\n");
        return yaml.ToString();
    }

}
