using System.Data;
using System.Text.Json;
using Npgsql;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Steps.Running;

namespace RollbackConsole.Steps.Postgres;

/// <summary><c>postgres/snapshot</c>: row counts and checksums of named tables, kept as the step's output in the journal:
/// outside the database that the plan changes, where no restore can take them along.</summary>
public sealed class PostgresSnapshot(PostgresTools tools) : IStepKind
{
    public StepKindSchema Schema { get; } = new("postgres/snapshot", "Take integrity figures", Effect.Idempotent, Destructive: false,
    [
        new("database", InputType.Text, true, "a configured database's name"),
        new("tables", InputType.Tables, true, "the tables; with a key, rows that come later are no difference"),
    ]);

    public Task<IReadOnlyList<string>> Preview(StepCall call, CancellationToken ct) => Task.FromResult<IReadOnlyList<string>>(
        [$"Counts and sums up {string.Join(", ", TableFigures.Wanted(call.With).Select(t => t.Table))} in {tools.Targets.Database(call.With.Text("database")).Database}; nothing is written there."]);

    public async Task<StepResult> Run(StepCall call, CancellationToken ct)
    {
        var figures = new List<TableFigures>();
        try
        {
            await using var connection = await PostgresTools.Open(tools.Targets.Database(call.With.Text("database")), ct);
            // One snapshot for all tables, so that their figures belong to the same moment.
            await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, ct);
            foreach (var (name, table, columns, key) in TableFigures.Wanted(call.With))
            {
                figures.Add(await TableFigures.Read(connection, transaction, name, table, columns, key, null, ct));
                await call.Log.Write("out", $"{name}: {figures[^1].Rows} rows, checksum {figures[^1].Checksum}");
            }
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            return StepResult.Error($"The figures could not be read: {e.Message}");
        }
        return StepResult.Succeeded($"{figures.Count} {(figures.Count == 1 ? "table" : "tables")}, {figures.Sum(f => f.Rows)} rows.",
            new Dictionary<string, string>(StringComparer.Ordinal) { ["snapshot"] = JsonSerializer.Serialize(figures, DomainJson.Options) });
    }
}
