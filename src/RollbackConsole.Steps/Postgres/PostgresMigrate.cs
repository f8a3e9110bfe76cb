using System.Text.RegularExpressions;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Steps.Running;

namespace RollbackConsole.Steps.Postgres;

/// <summary><c>postgres/migrate</c>: reviewed SQL through psql, in one transaction: all of it, or nothing.
/// The transaction's number is written down before its first statement, so that the server can be asked later what became of it.</summary>
public sealed partial class PostgresMigrate(PostgresTools tools, TimeProvider time) : IStepKind, IStepProbe
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
        // psql reads its own commands from the file; the path is the console's, without quotes in it.
        var statements = await Statements(call, ct);
        // Statements that end transactions themselves, or must come first in one, are left alone; nobody can be asked about them afterwards.
        var note = OwnTransactions().IsMatch(statements) ? "" : $"\\o '{TransactionFile(call)}'\nselect pg_current_xact_id();\n\\o\n";
        await RunFile.Write(script, note + statements, ct);
        string[] variables = [.. call.With.Map("variables").SelectMany(v => (string[])["--set", $"{v.Key}={v.Value}"])];
        var code = await tools.Run(call, database,
            ["psql", "--no-password", "--no-psqlrc", "--echo-queries", "--set", "ON_ERROR_STOP=1", .. variables, "--single-transaction", "--file", script], ct);
        return PostgresTools.PsqlResult(code, $"Changed {database.Database} in one transaction.");
    }

    public async Task<(ProbeFinding Finding, string Summary)> Probe(StepCall call, CancellationToken ct)
    {
        var file = TransactionFile(call);
        // Another node's folder, or psql never came that far: nothing here says which.
        if (!File.Exists(file) || Number().Match(await RunFile.Read(file, ct)) is not { Success: true } number)
            return (ProbeFinding.CannotTell, "no transaction number was written down on this node.");
        var database = tools.Targets.Database(call.With.Text("database"));
        await using var source = Npgsql.NpgsqlDataSource.Create(database.ConnectionString);
        for (var tries = 0; ; tries++)
        {
            await using var command = source.CreateCommand("select pg_xact_status($1::text::xid8)");
            command.Parameters.AddWithValue(number.Value);
            var status = await command.ExecuteScalarAsync(ct) as string;
            switch (status)
            {
                case "committed": return (ProbeFinding.TookEffect, $"transaction {number.Value} was committed.");
                case "aborted": return (ProbeFinding.NoEffect, $"transaction {number.Value} was rolled back.");
                // The server may not have noticed yet that its client is gone.
                case "in progress" when tries < 100:
                    await Task.Delay(TimeSpan.FromMilliseconds(100), time, ct);
                    continue;
                default: return (ProbeFinding.CannotTell, $"transaction {number.Value} is {status ?? "too old to be known"}.");
            }
        }
    }

    private static string TransactionFile(StepCall call) => Path.Combine(call.RunDirectory, $"{call.Step.Id}-{call.Attempt}.transaction");

    [GeneratedRegex(@"\b(commit|rollback|abort|prepare\s+transaction|set\s+transaction)\b|\\(c|connect|i|ir|include)\b", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex OwnTransactions();

    /// <summary>The number stands alone on its line.</summary>
    [GeneratedRegex(@"(?<=^\s*)\d+(?=\s*$)", RegexOptions.Multiline, 1000)]
    private static partial Regex Number();

    private async Task<string> Statements(StepCall call, CancellationToken ct)
    {
        if (call.With.TextOrNull("sql") is { } sql) return sql;
        var file = tools.Targets.File(call.With.TextOrNull("file") ?? throw new StepInputException("Give 'sql' or 'file'."), call.RunDirectory);
        return File.Exists(file) ? await File.ReadAllTextAsync(file, ct) : throw new StepInputException($"The file {file} is not there.");
    }
}
