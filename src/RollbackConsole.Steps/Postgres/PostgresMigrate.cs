using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Steps.Running;

namespace RollbackConsole.Steps.Postgres;

/// <summary><c>postgres/migrate</c>: reviewed SQL through psql, in one transaction: all of it, or nothing.</summary>
public sealed class PostgresMigrate(PostgresTools tools) : IStepKind
{
    public StepKindSchema Schema { get; } = new("postgres/migrate", "Change the schema", Effect.Once, Destructive: true,
    [
        new("database", InputType.Text, true, "a configured database's name"),
        new("sql", InputType.Verbatim, false, "the statements, as reviewed; either this or 'file'"),
        new("file", InputType.Text, false, "a .sql file: in the run's folder, or name:path in a configured folder"),
        new("variables", InputType.TextMap, false, "values for psql variables, used as :'name'; they are quoted by psql"),
    ]);

    public async Task<IReadOnlyList<string>> Preview(StepCall call, CancellationToken ct)
    {
        var database = tools.Targets.Database(call.With.Text("database"));
        return [$"Runs in one transaction on {database.Database} at {database.Host}:{database.Port} ({await PostgresTools.Size(database, ct)}):",
            .. (await Statements(call, ct)).TrimEnd().Split('\n').Select(l => "  " + l),
            .. call.With.Map("variables").Select(v => $"with {v.Key} = {v.Value}")];
    }

    public async Task<StepResult> Run(StepCall call, CancellationToken ct)
    {
        var database = tools.Targets.Database(call.With.Text("database"));
        var script = Path.Combine(call.RunDirectory, $"{call.Step.Id}-{call.Attempt}.sql");
        await File.WriteAllTextAsync(script, await Statements(call, ct), ct);
        string[] variables = [.. call.With.Map("variables").SelectMany(v => (string[])["--set", $"{v.Key}={v.Value}"])];
        var code = await tools.Run(call, database,
            ["psql", "--no-password", "--no-psqlrc", "--echo-queries", "--set", "ON_ERROR_STOP=1", .. variables, "--single-transaction", "--file", script], ct);
        return PostgresTools.PsqlResult(code, $"Changed {database.Database} in one transaction.");
    }

    private async Task<string> Statements(StepCall call, CancellationToken ct)
    {
        if (call.With.TextOrNull("sql") is { } sql) return sql;
        var file = tools.Targets.File(call.With.TextOrNull("file") ?? throw new StepInputException("Give 'sql' or 'file'."), call.RunDirectory);
        return File.Exists(file) ? await File.ReadAllTextAsync(file, ct) : throw new StepInputException($"The file {file} is not there.");
    }
}
