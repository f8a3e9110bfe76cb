using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Steps.Running;

namespace RollbackConsole.Steps.Postgres;

/// <summary><c>postgres/restore</c>: the whole database back to a dump, or some of its tables as copies beside the living ones.</summary>
public sealed class PostgresRestore(PostgresTools tools) : IStepKind
{
    public StepKindSchema Schema { get; } = new("postgres/restore", "Restore from a backup", Effect.Once, Destructive: true,
    [
        new("database", InputType.Text, true, "a configured database's name"),
        new("file", InputType.Text, true, "a dump in custom format: in the run's folder, or name:path in a configured folder"),
        new("tables", InputType.TextList, false, "only these tables, as copies in the schema 'into'; the whole database when left out"),
        new("into", InputType.Text, false, "the schema for the copies; made anew; needed with 'tables'"),
    ]);

    public async Task<IReadOnlyList<string>> Preview(StepCall call, CancellationToken ct)
    {
        var database = tools.Targets.Database(call.With.Text("database"));
        var file = tools.Targets.File(call.With.Text("file"), call.RunDirectory);
        var state = File.Exists(file) ? $"{new FileInfo(file).Length / 1024.0:0} KiB, written {File.GetLastWriteTimeUtc(file):yyyy-MM-dd HH:mm:ss} UTC" : "not there yet";
        var where = $"{database.Database} on {database.Host}:{database.Port} ({await PostgresTools.Size(database, ct)})";
        return call.With.List("tables") is { Count: > 0 } tables
            ? [$"Copies {string.Join(", ", tables)} from {file} ({state})", $"into the schema {Into(call)} of {where}; what that schema held before is dropped, living tables stay untouched"]
            : [$"Replaces everything in {where}", $"with {file} ({state}). What was written since is lost."];
    }

    public async Task<StepResult> Run(StepCall call, CancellationToken ct)
    {
        var database = tools.Targets.Database(call.With.Text("database"));
        var file = tools.Targets.File(call.With.Text("file"), call.RunDirectory);
        if (!File.Exists(file)) return StepResult.Error($"The backup {file} is not there.");
        return call.With.List("tables") is { Count: > 0 } tables
            ? await Copies(call, database, file, tables, Into(call), ct)
            : await Whole(call, database, file, ct);
    }

    private async Task<StepResult> Whole(StepCall call, Npgsql.NpgsqlConnectionStringBuilder database, string file, CancellationToken ct)
    {
        // One transaction: the database is the old one or the restored one, never half of each.
        var code = await tools.Run(call, database,
            ["pg_restore", "--no-password", "--clean", "--if-exists", "--no-owner", "--single-transaction", "--exit-on-error", "--verbose", "--dbname", database.Database!, file], ct);
        return code == 0 ? StepResult.Succeeded($"Restored {database.Database} from {Path.GetFileName(file)}.", exitCode: 0)
            : StepResult.Failed($"pg_restore ended with exit code {code}. It works in one transaction; look whether the connection broke at its very end.", code);
    }

    private async Task<StepResult> Copies(StepCall call, Npgsql.NpgsqlConnectionStringBuilder database, string file, IReadOnlyList<string> tables, string into, CancellationToken ct)
    {
        var script = Path.Combine(call.RunDirectory, $"{call.Step.Id}-{call.Attempt}.sql");
        var copied = new List<string>();
        string[] named = [.. tables.SelectMany(t => (string[])["--table", t.Split('.')[^1]])];
        var code = await tools.Run(call, database, ["pg_restore", "--no-owner", "--no-privileges", "--section=pre-data", "--section=data", .. named, "--file", "-", file], ct,
            output: async (stream, token) => copied = await DumpScript.Redirect(stream, script, into, token));
        if (code != 0) return StepResult.Failed($"pg_restore could not read {file} (exit code {code}).", code);
        var missing = tables.Where(t => !copied.Contains(t.Split('.')[^1], StringComparer.Ordinal)).ToList();
        if (missing.Count > 0) return StepResult.Error($"The backup holds no table {string.Join(", ", missing)}.");
        code = await tools.Run(call, database, ["psql", "--no-password", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--single-transaction", "--file", script], ct);
        File.Delete(script);
        var result = PostgresTools.PsqlResult(code, $"Copied {string.Join(", ", copied)} into {into}.");
        return code == 0 ? result with { Outputs = new Dictionary<string, string>(StringComparer.Ordinal) { ["schema"] = into } } : result;
    }

    private static string Into(StepCall call)
    {
        var into = call.With.TextOrNull("into") ?? throw new StepInputException("'into' is missing: name the schema that takes the copies.");
        return into is "public" or "pg_catalog" or "information_schema" || into.StartsWith("pg_", StringComparison.Ordinal)
            ? throw new StepInputException($"'into' is {into}, whose tables would be dropped; name a schema of its own.") : into;
    }
}
