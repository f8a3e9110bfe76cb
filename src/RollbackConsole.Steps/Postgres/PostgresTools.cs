using Npgsql;
using RollbackConsole.Domain.Runs;
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
        // A checksum takes as long as its table is large; the step's own timeout bounds it.
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(database.ConnectionString) { CommandTimeout = 0 }.ConnectionString);
        await connection.OpenAsync(ct);
        await using var settings = new NpgsqlCommand("set timezone = 'UTC'; set datestyle = 'ISO'; set extra_float_digits = 3; set bytea_output = 'hex'", connection);
        await settings.ExecuteNonQueryAsync(ct);
        return connection;
    }

    /// <summary>What psql's exit code says of a script in one transaction: 3 is an error in the script, which rolled back;
    /// 2 is a lost connection, perhaps while the commit was on its way.</summary>
    public static StepResult PsqlResult(int code, string done) => code switch
    {
        0 => StepResult.Succeeded(done, exitCode: 0),
        2 => new StepResult(StepStatus.Unknown, "psql lost its connection (exit code 2); the transaction may or may not have been committed.", code),
        3 => StepResult.Failed("The script failed (psql exit code 3); its transaction was rolled back.", code),
        _ => StepResult.Failed($"psql ended with exit code {code}.", code),
    };

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

    private static Dictionary<string, string> Environment(NpgsqlConnectionStringBuilder database) => new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["PGHOST"] = database.Host ?? "localhost",
        ["PGPORT"] = $"{database.Port}",
        ["PGUSER"] = database.Username ?? "",
        ["PGPASSWORD"] = database.Password ?? "",
        ["PGDATABASE"] = database.Database ?? "",
        ["PGCONNECT_TIMEOUT"] = "10",
        ["PGAPPNAME"] = "rollback-console-step",
        // What the target's settings ask of the connection holds for the tools as well.
        ["PGSSLMODE"] = database.SslMode switch { SslMode.VerifyFull => "verify-full", SslMode.VerifyCA => "verify-ca", var mode => mode.ToString().ToLowerInvariant() },
        ["PGSSLROOTCERT"] = database.RootCertificate ?? "",
        ["PGSSLCERT"] = database.SslCertificate ?? "",
        ["PGSSLKEY"] = database.SslKey ?? "",
    }.Where(v => v.Value.Length > 0).ToDictionary(StringComparer.Ordinal);
}
