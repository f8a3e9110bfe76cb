using RollbackConsole.Engine;
using RollbackConsole.Engine.Drills;
using RollbackConsole.Engine.Jobs;
using RollbackConsole.Engine.Journal;
using RollbackConsole.Engine.Runs;
using RollbackConsole.Steps;
using RollbackConsole.Steps.Running;
using RollbackConsole.Store;
using RollbackConsole.Store.Embedded;
using RollbackConsole.Web.Access;
using RollbackConsole.Web.Drills;
using RollbackConsole.Web.Setup;

namespace RollbackConsole.Web.Cli;

/// <summary>What the command line works with: the console's settings, its database, and its services without the server.</summary>
internal static class CliHost
{
    /// <summary>Works on the console's database: the configured server, the cluster of a running console, or that cluster started for the moment.</summary>
    public static async Task<int> With(Func<IServiceProvider, Task<int>> work, CancellationToken ct)
    {
        var settings = Settings(out var data);
        var connection = settings.GetConnectionString("Console");
        if (string.IsNullOrEmpty(connection)) connection = EmbeddedCluster.FindRunning(Path.Combine(data, "postgres"), "console");
        EmbeddedCluster? started = null;
        if (connection is null)
        {
            started = await EmbeddedCluster.Start(Path.Combine(data, "postgres"), "console", ct);
            connection = started.ConnectionString;
        }
        try
        {
            await using var services = Services(settings, data, connection);
            await StoreSetup.Migrate(services.GetRequiredService<Npgsql.NpgsqlDataSource>(), ct);
            return await work(services);
        }
        finally
        {
            if (started is not null) await started.DisposeAsync();
        }
    }

    private static IConfigurationRoot Settings(out string data)
    {
        var builder = new ConfigurationManager();
        ConsoleHost.AddSettings(builder);
        data = Path.GetFullPath(builder["Console:DataDirectory"] is { Length: > 0 } d ? d : ".data");
        builder.AddInMemoryCollection(DemoTarget.Running(data));
        SettingsCheck.Throw(builder);
        return builder;
    }

    private static ServiceProvider Services(IConfiguration settings, string data, string connection)
    {
        var services = new ServiceCollection();
        services.AddSingleton(settings).AddLogging().AddSingleton(TimeProvider.System);
        services.Configure<TargetOptions>(settings.GetSection("Targets")).Configure<AuditOptions>(settings.GetSection("Audit")).Configure<DrillOptions>(settings.GetSection("Drills"));
        services.AddSingleton(new EngineFolders("cli", data)).AddSingleton<IRunJobs, NoJobs>();
        services.AddStore(connection).AddSteps().AddEngine();
        services.AddConsoleAccess();
        services.AddSingleton<LibraryImport>();
        return services.BuildServiceProvider();
    }

    /// <summary>For commands that only read a file: no database is touched.</summary>
    public static ServiceProvider Library() => Services(Settings(out var data), data, "Host=nowhere.invalid");

    public static async Task<T> Scoped<T>(IServiceProvider services, Func<Accounts, Task<T>> work)
    {
        await using var scope = services.CreateAsyncScope();
        return await work(scope.ServiceProvider.GetRequiredService<Accounts>());
    }

    public static string DataDirectory()
    {
        Settings(out var data);
        return data;
    }

    /// <summary>The command line asks for no runs; the console's reconciler would find them anyway.</summary>
    private sealed class NoJobs : IRunJobs
    {
        public Task Wake(string runId, CancellationToken ct) => Task.CompletedTask;
    }
}
