using Npgsql;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Store.Journal;

namespace RollbackConsole.Store.Incidents;

/// <summary>An incident as lists show it.</summary>
public sealed record IncidentRow(
    string Id, int Number, string Title, string Service, string Environment, Level Severity, Advice Action, IncidentStatus Status,
    string? Commander, DateTimeOffset DeclaredAt, DateTimeOffset DecideBy, DateTimeOffset? DecidedAt, DateTimeOffset? ResolvedAt,
    DateTimeOffset ClockStartedAt, Choice? Decision, bool Overdue, int Level, string? AcknowledgedBy);

/// <summary>An incident that owes reviews.</summary>
public sealed record ReviewRow(string Id, int Number, string Title, string Service, int Reviews, DateTimeOffset ReviewBy);

/// <summary>The read model of incidents.</summary>
public sealed class IncidentRows(NpgsqlDataSource source)
{
    private const string Columns = """
        id, number, title, service, environment, severity, action, status, commander, declared_at, decide_by, decided_at, resolved_at,
        clock_started_at, decision, overdue, level, acknowledged_by
        """;

    internal static IEnumerable<NpgsqlBatchCommand> Project(Incident s, IReadOnlyList<IEvent> events)
    {
        yield return Sql.Batch($"""
            insert into incidents ({Columns}, next_due, reviews, review_by) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
            on conflict (id) do update set severity = excluded.severity, action = excluded.action, status = excluded.status,
                commander = excluded.commander, decide_by = excluded.decide_by, decided_at = excluded.decided_at, resolved_at = excluded.resolved_at,
                clock_started_at = excluded.clock_started_at, decision = excluded.decision, overdue = excluded.overdue, level = excluded.level,
                acknowledged_by = excluded.acknowledged_by, next_due = excluded.next_due, reviews = excluded.reviews, review_by = excluded.review_by
            """, s.Id, s.Number, s.Title, s.Service, s.Environment, Sql.Name(s.Severity), Sql.Name(s.Action), Sql.Name(s.Status),
            s.Commander?.Name, s.DeclaredAt, s.DecideBy, s.DecidedAt, s.ResolvedAt, s.ClockStartedAt, s.Decision is { } d ? Sql.Name(d.Choice) : null,
            s.OverdueAt is not null, s.LevelReached, s.Acknowledged?.By.Name, s.NextDue,
            s.Reviews.Values.Count(r => r.Done is null), s.Reviews.Values.Where(r => r.Done is null).Select(r => (DateTimeOffset?)r.Due.DueAt).Min());
        foreach (var command in Communication.Outbox.Project(s, events)) yield return command;
    }

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

    /// <summary>What is not closed, open ones first, the worst first; and how many there are.</summary>
    public async Task<(List<IncidentRow> Rows, int All)> Board(int limit, CancellationToken ct = default)
    {
        var rows = await source.Command($"""
            select {Columns}, count(*) over ()::integer from incidents where status <> 'closed'
            order by status <> 'open', array_position(array['critical', 'high', 'medium', 'low'], severity), number desc limit $1
            """, limit).List(r => (Row: Read(r), All: r.GetInt32(18)), ct);
        return (rows.ConvertAll(r => r.Row), rows.Count == 0 ? 0 : rows[0].All);
    }

    /// <summary>Incidents of one service, newest first.</summary>
    public Task<List<IncidentRow>> OfService(string service, int limit, CancellationToken ct = default) =>
        source.Command($"select {Columns} from incidents where service = $1 order by number desc limit $2", service, limit).List(Read, ct);

    /// <summary>Incidents for which something is due.</summary>
    public Task<List<string>> Due(DateTimeOffset now, CancellationToken ct = default) =>
        source.Command("select id from incidents where next_due <= $1 order by next_due limit 200", now).List(r => r.GetString(0), ct);

    /// <summary>Incidents with runs that were started without approval and that nobody has reviewed yet, the most urgent first.</summary>
    public Task<List<ReviewRow>> ReviewsDue(CancellationToken ct = default) =>
        source.Command("select id, number, title, service, reviews, review_by from incidents where reviews > 0 order by review_by limit 200")
            .List(r => new ReviewRow(r.GetString(0), r.GetInt32(1), r.GetString(2), r.GetString(3), r.GetInt32(4), r.GetFieldValue<DateTimeOffset>(5)), ct);

    /// <summary>Is this journal row one of the incident's timeline?</summary>
    public async Task<bool> HasRow(string incident, long position, CancellationToken ct = default)
    {
        await using var command = source.Command("select exists (select 1 from journal where position = $2 and (stream = 'incident/' || $1 or stream in (select 'run/' || id from runs where incident_id = $1)))", incident, position);
        return (bool)(await command.ExecuteScalarAsync(ct))!;
    }

    private static IncidentRow Read(NpgsqlDataReader r) => new(
        r.GetString(0), r.GetInt32(1), r.GetString(2), r.GetString(3), r.GetString(4), Sql.Parse<Level>(r.GetString(5)), Sql.Parse<Advice>(r.GetString(6)),
        Sql.Parse<IncidentStatus>(r.GetString(7)), r.TextOrNull(8), r.GetFieldValue<DateTimeOffset>(9), r.GetFieldValue<DateTimeOffset>(10), r.TimeOrNull(11), r.TimeOrNull(12),
        r.GetFieldValue<DateTimeOffset>(13), r.TextOrNull(14) is { } choice ? Sql.Parse<Choice>(choice) : null, r.GetBoolean(15), r.GetInt32(16), r.TextOrNull(17));
}
