using System.Security.Cryptography;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Steps.Running;

namespace RollbackConsole.Steps.Postgres;

/// <summary><c>postgres/backup</c>: a custom-format dump, read back before it counts as a backup.</summary>
public sealed class PostgresBackup(PostgresTools tools) : IStepKind
{
    public StepKindSchema Schema { get; } = new("postgres/backup", "Back up a database", Effect.Idempotent, Destructive: false,
    [
        new("database", InputType.Text, true, "a configured database's name"),
        new("file", InputType.Text, true, "where to: in the run's folder, or name:path in a configured folder"),
        new("tables", InputType.TextList, false, "only these tables; the whole database when left out"),
    ], SavesData: true);

    public async Task<IReadOnlyList<string>> Preview(StepCall call, CancellationToken ct)
    {
        var database = tools.Targets.Database(call.With.Text("database"));
        return [$"Dumps database {database.Database} on {database.Host}:{database.Port} ({await PostgresTools.Size(database, ct)})",
            "to " + File(call), .. call.With.List("tables").Select(t => "only table " + t)];
    }

    public async Task<StepResult> Run(StepCall call, CancellationToken ct)
    {
        var database = tools.Targets.Database(call.With.Text("database"));
        var file = File(call);
        var partial = file + ".partial";
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        string[] tables = [.. call.With.List("tables").SelectMany(t => (string[])["--table", t])];
        var code = await tools.Run(call, database, ["pg_dump", "--format=custom", "--encoding=UTF8", "--no-password", "--verbose", "--file", partial, .. tables], ct);
        if (code != 0) return StepResult.Failed($"pg_dump ended with exit code {code}.", code);
        var entries = 0;
        code = await tools.Run(call, database, ["pg_restore", "--list", partial], ct, output: async (stream, token) =>
        {
            using var reader = new StreamReader(stream);
            while (await reader.ReadLineAsync(token) is { } line)
                if (!line.StartsWith(';')) entries++;
        });
        if (code != 0 || entries == 0) return StepResult.Failed($"The dump cannot be read back (pg_restore --list ended with {code}, {entries} entries).", code);
        System.IO.File.Move(partial, file, overwrite: true);
        await using var stream = System.IO.File.OpenRead(file);
        var hash = Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, ct));
        await call.Log.Write("console", $"{file}: {stream.Length} bytes, {entries} entries, sha256 {hash}");
        return StepResult.Succeeded($"Backed up {database.Database}: {stream.Length / 1024.0:0} KiB, {entries} entries.",
            new Dictionary<string, string>(StringComparer.Ordinal) { ["file"] = file, ["bytes"] = $"{stream.Length}", ["sha256"] = hash }, 0);
    }

    private string File(StepCall call) => tools.Targets.File(call.With.Text("file"), call.RunDirectory);
}
