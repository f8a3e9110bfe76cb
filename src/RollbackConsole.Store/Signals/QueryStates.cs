using Npgsql;
using RollbackConsole.Store.Journal;

namespace RollbackConsole.Store.Signals;

/// <param name="Error">Null when the last answer could be used.</param>
public sealed record QueryState(string Entity, string Metric, string Environment, DateTimeOffset AskedAt, double? Value, string? Error);

/// <summary>How the console's own queries to Prometheus fare.</summary>
public sealed class QueryStates(NpgsqlDataSource source)
{
    public async Task Set(QueryState s, CancellationToken ct)
    {
        await using var command = source.Command("""
            insert into metric_queries values ($1, $2, $3, $4, $5, $6)
            on conflict (entity, metric, environment) do update set asked_at = excluded.asked_at, value = excluded.value, error = excluded.error
            """, s.Entity, s.Metric, s.Environment, s.AskedAt, s.Value, s.Error);
        await command.ExecuteNonQueryAsync(ct);
    }

    public Task<List<QueryState>> Of(string entity, CancellationToken ct = default) => source.Command("select entity, metric, environment, asked_at, value, error from metric_queries where entity = $1", entity)
        .List(r => new QueryState(r.GetString(0), r.GetString(1), r.GetString(2), r.GetFieldValue<DateTimeOffset>(3), r.IsDBNull(4) ? null : r.GetDouble(4), r.TextOrNull(5)), ct);
}
