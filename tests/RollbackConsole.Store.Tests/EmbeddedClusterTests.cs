using System.Diagnostics;
using Npgsql;
using RollbackConsole.Store.Embedded;
using RollbackConsole.Tests;

namespace RollbackConsole.Store.Tests;

public sealed class EmbeddedClusterTests(TestCluster cluster)
{
    [Fact]
    public async Task Data_survives_a_stop_and_a_start()
    {
        var folder = await Folder();
        await using (var first = await EmbeddedCluster.Start(folder, "console", default)) await Execute(first.ConnectionString, "create table t (n int); insert into t values (42)");
        Assert.Null(EmbeddedCluster.FindRunning(folder, "console"));
        await using var second = await EmbeddedCluster.Start(folder, "console", default);
        Assert.Equal(42, await Execute(second.ConnectionString, "select n from t"));
    }

    [Fact]
    public async Task Data_survives_a_kill_of_the_server()
    {
        var folder = await Folder();
        var killed = await EmbeddedCluster.Start(folder, "console", default);
        await Execute(killed.ConnectionString, "create table t (n int); insert into t values (7)");
        NpgsqlConnection.ClearAllPools();
        var id = int.Parse((await File.ReadAllLinesAsync(Path.Combine(folder, "cluster", "postmaster.pid")))[0]);
        using (var server = Process.GetProcessById(id))
        {
            server.Kill(entireProcessTree: true);
            await server.WaitForExitAsync();
        }
        // The console died with it: its lock on the folder is free, nothing was stopped cleanly.
        await Assert.ThrowsAsync<EmbeddedClusterException>(async () => await killed.DisposeAsync());
        await using var recovered = await EmbeddedCluster.Start(folder, "console", default);
        Assert.Equal(7, await Execute(recovered.ConnectionString, "select n from t"));
    }

    [Fact]
    public async Task A_second_console_on_the_same_folder_is_told_so()
    {
        var folder = await Folder();
        await using var first = await EmbeddedCluster.Start(folder, "console", default);
        var refused = await Assert.ThrowsAsync<EmbeddedClusterException>(() => EmbeddedCluster.Start(folder, "console", default));
        Assert.Contains("Console__DataDirectory", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_password_file_is_for_its_owner_only()
    {
        var folder = await Folder();
        await using var started = await EmbeddedCluster.Start(folder, "console", default);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(folder, "password")));
    }

    private Task<string> Folder()
    {
        Assert.SkipWhen(PostgresBinaries.Find() is null, "PostgreSQL is not installed on this machine.");
        return Task.FromResult(cluster.Folder());
    }

    private static async Task<object?> Execute(string connection, string sql)
    {
        await using var source = NpgsqlDataSource.Create(connection);
        await using var command = source.CreateCommand(sql);
        return await command.ExecuteScalarAsync();
    }
}
