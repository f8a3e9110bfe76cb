using Npgsql;
using RollbackConsole.Store;
using RollbackConsole.Store.Embedded;

[assembly: AssemblyFixture(typeof(RollbackConsole.Tests.TestCluster))]

namespace RollbackConsole.Tests;

/// <summary>One real PostgreSQL cluster for a test assembly; every test takes a database of its own from it.</summary>
public sealed class TestCluster : IAsyncLifetime
{
    private EmbeddedCluster? _cluster;
    private int _databases;

    public string Directory { get; } = System.IO.Directory.CreateTempSubdirectory("rollback-console-test-").FullName;

    public async ValueTask InitializeAsync()
    {
        if (PostgresBinaries.Find() is null) return;
        // The server's account has to enter the folder.
        File.SetUnixFileMode(Directory, (UnixFileMode)0b111_101_101);
        _cluster = await EmbeddedCluster.Start(Path.Combine(Directory, "postgres"), "tests", CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        if (_cluster is not null) await _cluster.DisposeAsync();
        System.IO.Directory.Delete(Directory, recursive: true);
    }

    /// <summary>An empty database; without PostgreSQL on the machine the test is skipped, with that reason.</summary>
    public async Task<string> EmptyDatabase()
    {
        Assert.SkipWhen(_cluster is null, "PostgreSQL is not installed on this machine.");
        var connection = new NpgsqlConnectionStringBuilder(_cluster!.ConnectionString) { Database = $"test_{Interlocked.Increment(ref _databases)}", MaxPoolSize = 40, Timeout = 120 }.ConnectionString;
        await EmbeddedCluster.EnsureDatabase(connection, CancellationToken.None);
        return connection;
    }

    /// <summary>A database with the console's schema.</summary>
    public async Task<NpgsqlDataSource> ConsoleDatabase()
    {
        var source = StoreSetup.Connect(await EmptyDatabase());
        await StoreSetup.Migrate(source, CancellationToken.None);
        return source;
    }

    /// <summary>A fresh folder that goes with the cluster.</summary>
    public string Folder() => System.IO.Directory.CreateDirectory(Path.Combine(Directory, Guid.NewGuid().ToString("N"))).FullName;
}
