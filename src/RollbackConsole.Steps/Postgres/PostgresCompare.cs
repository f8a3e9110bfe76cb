using System.Data;
using System.Text.Json;
using Npgsql;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Steps.Running;

namespace RollbackConsole.Steps.Postgres;

/// <summary><c>postgres/compare</c>: the same figures again, against an earlier snapshot. A difference is a failure of its own kind.</summary>
public sealed class PostgresCompare(PostgresTools tools) : IStepKind
{
    public StepKindSchema Schema { get; } = new("postgres/compare", "Compare integrity figures", Effect.Idempotent, Destructive: false,
    [
        new("database", InputType.Text, true, "a configured database's name"),
        new("snapshot", InputType.Text, true, "the output of an earlier postgres/snapshot: {{steps.<id>.outputs.snapshot}}"),
        new("tables", InputType.Tables, false, "read these tables instead, matched by name with the snapshot's"),
    ], ComparesData: true);

    public Task<IReadOnlyList<string>> Preview(StepCall call, CancellationToken ct) => Task.FromResult<IReadOnlyList<string>>(
        [$"Counts and sums up the snapshot's tables in {tools.Targets.Database(call.With.Text("database")).Database} again; any difference fails the run."]);

    public async Task<StepResult> Run(StepCall call, CancellationToken ct)
    {
        List<TableFigures> before;
        try
        {
            before = JsonSerializer.Deserialize<List<TableFigures>>(call.With.Text("snapshot"), DomainJson.Options) ?? [];
        }
        catch (JsonException)
        {
            return StepResult.Error("'snapshot' is no output of a postgres/snapshot step.");
        }
        if (before.Count == 0) return StepResult.Error("The snapshot holds no tables; there is nothing to compare.");
        var elsewhere = TableFigures.Wanted(call.With).ToDictionary(t => t.Name, t => t.Table, StringComparer.Ordinal);
        if (elsewhere.Keys.Except(before.Select(b => b.Name), StringComparer.Ordinal).FirstOrDefault() is { } unknown)
            return StepResult.Error($"The snapshot holds no table '{unknown}'.");
        var differing = new List<string>();
        try
        {
            await using var connection = await PostgresTools.Open(tools.Targets.Database(call.With.Text("database")), ct);
            await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, ct);
            foreach (var was in before)
            {
                var now = await TableFigures.Read(connection, transaction, was.Name, elsewhere.GetValueOrDefault(was.Name, was.Name), was.Columns, was.Key, was, ct);
                var same = now.Rows == was.Rows && now.Checksum == was.Checksum;
                await call.Log.Write(same ? "out" : "err", $"{was.Name}: rows {was.Rows} → {now.Rows}, checksum {(now.Checksum == was.Checksum ? "equal" : $"{was.Checksum} → {now.Checksum}")}: {(same ? "equal" : "DIFFERS")}");
                if (!same) differing.Add(now.Rows == was.Rows ? $"{was.Name} (values)" : $"{was.Name} ({was.Rows} → {now.Rows} rows)");
            }
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            return StepResult.Error($"The figures could not be read: {e.Message}");
        }
        return differing.Count == 0
            ? StepResult.Succeeded($"{(before.Count == 1 ? "1 table is" : $"{before.Count} tables are")} equal: {before.Sum(b => b.Rows)} rows and their values.")
            : StepResult.Failed($"Differs: {string.Join(", ", differing)}.") with { IntegrityDiffers = true };
    }
}
