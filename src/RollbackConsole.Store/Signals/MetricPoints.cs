using Npgsql;
using RollbackConsole.Domain.Signals;
using RollbackConsole.Store.Journal;

namespace RollbackConsole.Store.Signals;

/// <summary>Readings of the services, as monitoring sent them.</summary>
public sealed class MetricPoints(NpgsqlDataSource source)
{
    /// <summary>The topic on which new readings of a service are announced.</summary>
    public static string Topic(string service, string environment) => $"metrics/{service}/{environment}";

    public async Task<long> Add(MetricPoint p, CancellationToken ct)
    {
        await using var command = source.Command("""
            with added as (insert into metric_points (service, environment, metric, value, baseline, at) values ($1, $2, $3, $4, $5, $6) returning id),
                 told as (select pg_notify('console', $7))
            select added.id from added, told
            """, p.Service, p.Environment, p.Metric, p.Value, p.Baseline, p.At, Topic(p.Service, p.Environment));
        return (long)(await command.ExecuteScalarAsync(ct))!;
    }

    /// <summary>Readings of one series since a time, newest first.</summary>
    public Task<List<MetricPoint>> Since(string service, string environment, string metric, DateTimeOffset since, int most, CancellationToken ct) => source.Command("""
        select metric, value, baseline, at from metric_points where service = $1 and environment = $2 and metric = $3 and at >= $4 order by at desc limit $5
        """, service, environment, metric, since, most)
        .List(r => new MetricPoint(service, environment, r.GetString(0), r.GetDouble(1), r.IsDBNull(2) ? null : r.GetDouble(2), r.GetFieldValue<DateTimeOffset>(3)), ct);

    /// <summary>The names of the series of a service that have readings since a time.</summary>
    public Task<List<string>> Series(string service, string environment, DateTimeOffset since, CancellationToken ct) =>
        source.Command("select distinct metric from metric_points where service = $1 and environment = $2 and at >= $3", service, environment, since).List(r => r.GetString(0), ct);

    /// <summary>Readings after an id, oldest first, with the id to go on from.</summary>
    public Task<List<(long Id, MetricPoint Point)>> After(string service, string environment, long after, DateTimeOffset since, DateTimeOffset until, int limit, CancellationToken ct) => source.Command("""
        select id, metric, value, baseline, at from metric_points
        where service = $1 and environment = $2 and id > $3 and at between $4 and $5 order by id limit $6
        """, service, environment, after, since, until, limit)
        .List(r => (r.GetInt64(0), new MetricPoint(service, environment, r.GetString(1), r.GetDouble(2), r.IsDBNull(3) ? null : r.GetDouble(3), r.GetFieldValue<DateTimeOffset>(4))), ct);

    /// <summary>Readings older than this are of no use to anyone and are removed.</summary>
    public async Task<int> Trim(DateTimeOffset before, CancellationToken ct)
    {
        await using var command = source.Command("delete from metric_points where at < $1", before);
        return await command.ExecuteNonQueryAsync(ct);
    }
}
