using Npgsql;
using RollbackConsole.Steps.Running;

namespace RollbackConsole.Steps.Postgres;

/// <summary>Runs PostgreSQL's own programs against a configured database; the password goes through the environment only.</summary>
public sealed class PostgresTools(ProcessRunner processes, Targets targets)
{
    public Targets Targets => targets;

    public Task<int> Run(StepCall call, NpgsqlConnectionStringBuilder database, IReadOnlyList<string> arguments, CancellationToken ct,
        Func<Stream, CancellationToken, Task>? input = null, Func<Stream, CancellationToken, Task>? output = null) =>
        processes.Run(call, new ProcessSpec(arguments, call.RunDirectory, Environment(database)) { Input = input, Output = output }, ct);

    /// <summary>A connection for reading figures; sessions format values alike, wherever they run.</summary>
    public static async Task<NpgsqlConnection> Open(NpgsqlConnectionStringBuilder database, CancellationToken ct)
    {
        var connection = new NpgsqlConnection(database.ConnectionString);
        await connection.OpenAsync(ct);
        await using var settings = new NpgsqlCommand("set timezone = 'UTC'; set datestyle = 'ISO'; set extra_float_digits = 3; set bytea_output = 'hex'", connection);
        await settings.ExecuteNonQueryAsync(ct);
        return connection;
    }

    /// <summary>A size for a preview, or why it cannot be told.</summary>
    public static async Task<string> Size(NpgsqlConnectionStringBuilder database, CancellationToken ct)
    {
        try
        {
            await using var connection = await Open(database, ct);
            await using var command = new NpgsqlCommand("select pg_size_pretty(pg_database_size(current_database()))", connection);
            return (string)(await command.ExecuteScalarAsync(ct))! + " now";
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            return $"cannot be reached now: {e.Message}";
        }
    }

    /// <summary><c>schema.table</c> or <c>table</c> with each part quoted.</summary>
    public static string Quote(string name) =>
        string.Join('.', name.Split('.').Select(p => p.Length == 0 ? throw new StepInputException($"'{name}' is no table's name.")
            : "\"" + p.Replace("\"", "\"\"", StringComparison.Ordinal) + "\""));

    private static Dictionary<string, string> Environment(NpgsqlConnectionStringBuilder database) => new(StringComparer.Ordinal)
    {
        ["PGHOST"] = database.Host ?? "localhost",
        ["PGPORT"] = $"{database.Port}",
        ["PGUSER"] = database.Username ?? "",
        ["PGPASSWORD"] = database.Password ?? "",
        ["PGDATABASE"] = database.Database ?? "",
        ["PGCONNECT_TIMEOUT"] = "10",
        ["PGAPPNAME"] = "rollback-console-step",
    };
}
