using Npgsql;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Store.Journal;

namespace RollbackConsole.Store.Incidents;

/// <summary>An incident as lists show it.</summary>
public sealed record IncidentRow(
    string Id, int Number, string Title, string Service, string Environment, Level Severity, Advice Action, IncidentStatus Status,
    string? Commander, DateTimeOffset DeclaredAt, DateTimeOffset DecideBy, DateTimeOffset? DecidedAt, DateTimeOffset? ResolvedAt);

/// <summary>The read model of incidents.</summary>
public sealed class IncidentRows(NpgsqlDataSource source)
{
    private const string Columns = "id, number, title, service, environment, severity, action, status, commander, declared_at, decide_by, decided_at, resolved_at";

    internal static NpgsqlBatchCommand Upsert(Incident s) => Sql.Batch($"""
        insert into incidents ({Columns}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        on conflict (id) do update set severity = excluded.severity, action = excluded.action, status = excluded.status,
            commander = excluded.commander, decide_by = excluded.decide_by, decided_at = excluded.decided_at, resolved_at = excluded.resolved_at
        """, s.Id, s.Number, s.Title, s.Service, s.Environment, Sql.Name(s.Severity), Sql.Name(s.Action), Sql.Name(s.Status),
        s.Commander?.Name, s.DeclaredAt, s.DecideBy, s.DecidedAt, s.ResolvedAt);

    public async Task<int> NextNumber(CancellationToken ct = default)
    {
        await using var command = source.CreateCommand("select nextval('incident_number')::integer");
        return (int)(await command.ExecuteScalarAsync(ct))!;
    }

    /// <summary>Newest first. Status <c>open</c> means everything that is not closed; null means all.</summary>
    public Task<List<IncidentRow>> List(string? status, int? beforeNumber, int limit, CancellationToken ct = default) => source.Command($"""
        select {Columns} from incidents
        where ($1::text is null or status = $1 or ($1 = 'open' and status <> 'closed')) and ($2::integer is null or number < $2)
        order by number desc limit $3
        """, status, beforeNumber, limit).List(Read, ct);

    public async Task<IncidentRow?> OpenFor(string service, string environment, CancellationToken ct = default) =>
        (await source.Command($"select {Columns} from incidents where service = $1 and environment = $2 and status = 'open' order by number desc limit 1",
            service, environment).List(Read, ct)).FirstOrDefault();

    private static IncidentRow Read(NpgsqlDataReader r) => new(
        r.GetString(0), r.GetInt32(1), r.GetString(2), r.GetString(3), r.GetString(4), Sql.Parse<Level>(r.GetString(5)), Sql.Parse<Advice>(r.GetString(6)),
        Sql.Parse<IncidentStatus>(r.GetString(7)), r.TextOrNull(8), r.GetFieldValue<DateTimeOffset>(9), r.GetFieldValue<DateTimeOffset>(10), r.TimeOrNull(11), r.TimeOrNull(12));
}
