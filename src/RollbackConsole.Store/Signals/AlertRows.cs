using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Domain.Signals;
using RollbackConsole.Store.Journal;

namespace RollbackConsole.Store.Signals;

/// <summary>An alert that waits to be worked on.</summary>
/// <param name="Fired">It began to fire since it waits, whatever it says now.</param>
/// <param name="Received">Notifications that were folded into it.</param>
public sealed record WaitingAlert(Alert Alert, bool Fired, long Received, DateTimeOffset ReceivedAt);

/// <summary>An alert's present state.</summary>
public sealed record AlertRow(Alert Alert, string IncidentId, long Received, int Fires, DateTimeOffset FirstAt, DateTimeOffset LastAt);

/// <summary>Alerts: those that wait, those that are known, and how many came.</summary>
public sealed class AlertRows(NpgsqlDataSource source)
{
    /// <summary>The topic on which waiting alerts are announced.</summary>
    public const string Topic = "alerts";

    /// <summary>Different alerts of one service that may wait; more are counted only. A new service always has room.</summary>
    public const int MostWaiting = 200;

    private const string Columns = "fingerprint, name, service, environment, severity, action, firing, starts_at, ends_at, summary, assumed, incident_id, received, fires, first_at, last_at";

    /// <summary>Keeps what was received, in one statement; returns how many alerts were beyond the bound and are only counted.</summary>
    public async Task<int> Receive(IReadOnlyList<Alert> alerts, DateTimeOffset now, CancellationToken ct)
    {
        if (alerts.Count == 0) return 0;
        // One row for each alert of this delivery: the last word counts, and whether it fired at all is not forgotten. Everybody who
        // locks several of these rows does it in this order, or two deliveries would wait for each other.
        var folded = alerts.GroupBy(Key).OrderBy(g => g.Key, Order)
            .Select(g => (Alert: Rounded(g.Last()), Fired: g.Any(a => a.Firing), Count: g.LongCount())).ToList();
        await using var command = source.Command("""
            with given as (
                select * from unnest($1::text[], $2::text[], $3::text[], $4::jsonb[], $5::boolean[], $6::bigint[])
                    with ordinality as g (service, environment, fingerprint, alert, fired, received, place_given)
            ), room as (
                select g.*, row_number() over (partition by g.service, g.environment order by g.place_given)
                    + (select count(*) from (select 1 from alert_inbox i where i.service = g.service and i.environment = g.environment limit $8) w) as place,
                    exists (select 1 from alert_inbox i where i.service = g.service and i.environment = g.environment and i.fingerprint = g.fingerprint) as waits
                from given g
            ), kept as (
                insert into alert_inbox (service, environment, fingerprint, alert, fired, received, received_at)
                select service, environment, fingerprint, alert, fired, received, $7 from room where waits or place <= $8 order by place_given
                on conflict (service, environment, fingerprint) do update
                    set alert = excluded.alert, fired = alert_inbox.fired or excluded.fired, received = alert_inbox.received + excluded.received
                returning service, environment, fingerprint
            ), counted as (
                insert into alert_totals (service, environment, received, beyond)
                select g.service, g.environment, sum(g.received), coalesce(sum(g.received) filter (where k.fingerprint is null), 0)
                from given g left join kept k using (service, environment, fingerprint) group by 1, 2 order by min(g.place_given)
                on conflict (service, environment) do update set received = alert_totals.received + excluded.received, beyond = alert_totals.beyond + excluded.beyond
                returning 1
            ), told as (select pg_notify('console', $9))
            select (select count(*) from given) - (select count(*) from kept) from told, (select count(*) from counted) c
            """);
        command.Parameters.AddWithValue(folded.ConvertAll(f => f.Alert.Service).ToArray());
        command.Parameters.AddWithValue(folded.ConvertAll(f => f.Alert.Environment).ToArray());
        command.Parameters.AddWithValue(folded.ConvertAll(f => f.Alert.Fingerprint).ToArray());
        command.Parameters.Add(new NpgsqlParameter { Value = folded.ConvertAll(f => JsonText.WithoutZero(JsonSerializer.Serialize(f.Alert, DomainJson.Options))).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Jsonb });
        command.Parameters.AddWithValue(folded.ConvertAll(f => f.Fired).ToArray());
        command.Parameters.AddWithValue(folded.ConvertAll(f => f.Count).ToArray());
        command.Parameters.AddWithValue(now.ToUniversalTime());
        command.Parameters.AddWithValue(MostWaiting);
        command.Parameters.AddWithValue(Topic);
        return (int)(long)(await command.ExecuteScalarAsync(ct))!;
    }

    /// <summary>Waiting alerts, oldest first.</summary>
    public Task<List<WaitingAlert>> Waiting(int most, CancellationToken ct) => source.Command("select alert::text, fired, received, received_at from alert_inbox order by received_at, service, fingerprint limit $1", most)
        .List(r => new WaitingAlert(JsonSerializer.Deserialize<Alert>(r.GetString(0), DomainJson.Options)!, r.GetBoolean(1), r.GetInt64(2), r.GetFieldValue<DateTimeOffset>(3)), ct);

    /// <summary>Takes alerts that were worked on out of the inbox, as far as nothing new came for them meanwhile, and keeps their present state.</summary>
    public async Task Done(string incidentId, IReadOnlyList<WaitingAlert> worked, DateTimeOffset now, CancellationToken ct)
    {
        await using var batch = source.CreateBatch();
        foreach (var w in worked.OrderBy(w => Key(w.Alert), Order))
        {
            batch.BatchCommands.Add(Sql.Batch($"""
                insert into alerts ({Columns}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15)
                on conflict (service, environment, fingerprint) do update set name = excluded.name, severity = excluded.severity, action = excluded.action,
                    firing = case when excluded.starts_at >= alerts.starts_at then excluded.firing else alerts.firing end,
                    ends_at = case when excluded.starts_at >= alerts.starts_at then excluded.ends_at else alerts.ends_at end,
                    fires = alerts.fires + case when excluded.starts_at > alerts.starts_at then 1 else 0 end,
                    starts_at = greatest(alerts.starts_at, excluded.starts_at), summary = excluded.summary, assumed = excluded.assumed,
                    incident_id = case when excluded.starts_at > alerts.starts_at then excluded.incident_id else alerts.incident_id end,
                    received = alerts.received + excluded.received, last_at = excluded.last_at
                """, w.Alert.Fingerprint, w.Alert.Name, w.Alert.Service, w.Alert.Environment, Sql.Name(w.Alert.Severity), Sql.Name(w.Alert.Action), w.Alert.Firing, w.Alert.StartsAt, w.Alert.EndsAt,
                w.Alert.Summary, w.Alert.Assumed, incidentId, w.Received, 1, now));
            batch.BatchCommands.Add(Sql.Batch("""
                delete from alert_inbox where service = $1 and environment = $2 and fingerprint = $3 and received = $4
                """, w.Alert.Service, w.Alert.Environment, w.Alert.Fingerprint, w.Received));
            // Something came meanwhile: what was worked on must not be counted or told twice.
            batch.BatchCommands.Add(Sql.Batch("update alert_inbox set received = received - $4, fired = (alert ->> 'firing')::boolean where service = $1 and environment = $2 and fingerprint = $3",
                w.Alert.Service, w.Alert.Environment, w.Alert.Fingerprint, w.Received));
        }
        await batch.ExecuteNonQueryAsync(ct);
    }

    /// <summary>Sends alerts to the end of the line.</summary>
    public async Task Postpone(IReadOnlyList<WaitingAlert> alerts, DateTimeOffset now, CancellationToken ct)
    {
        await using var batch = source.CreateBatch();
        foreach (var w in alerts.OrderBy(w => Key(w.Alert), Order))
            batch.BatchCommands.Add(Sql.Batch("update alert_inbox set received_at = $4 where service = $1 and environment = $2 and fingerprint = $3", w.Alert.Service, w.Alert.Environment, w.Alert.Fingerprint, now));
        await batch.ExecuteNonQueryAsync(ct);
    }

    public async Task<AlertRow?> Find(string service, string environment, string fingerprint, CancellationToken ct) =>
        (await source.Command($"select {Columns} from alerts where service = $1 and environment = $2 and fingerprint = $3", service, environment, fingerprint).List(Read, ct)).FirstOrDefault();

    /// <summary>Firing ones first.</summary>
    public Task<List<AlertRow>> OfIncident(string incident, int limit = 200, int offset = 0, CancellationToken ct = default) =>
        source.Command($"select {Columns} from alerts where incident_id = $1 order by firing desc, starts_at desc, fingerprint limit $2 offset $3", incident, limit, offset).List(Read, ct);

    /// <summary>The fingerprints of an incident's alerts that fire.</summary>
    public async Task<HashSet<string>> Firing(string incident, CancellationToken ct) =>
        (await source.Command("select fingerprint from alerts where incident_id = $1 and firing limit 10000", incident).List(r => r.GetString(0), ct)).ToHashSet(StringComparer.Ordinal);

    /// <summary>How many notifications a service sent, and how many of them were only counted.</summary>
    public async Task<(long Received, long Beyond)> Totals(string service, string environment, CancellationToken ct = default) =>
        (await source.Command("select received, beyond from alert_totals where service = $1 and environment = $2", service, environment).List(r => (r.GetInt64(0), r.GetInt64(1)), ct)).FirstOrDefault();

    /// <summary>Alerts that ended, or whose incident was closed, and that were not heard of since a time are of no use to anyone.</summary>
    public async Task Trim(DateTimeOffset before, CancellationToken ct)
    {
        await using var command = source.Command("delete from alerts a where last_at < $1 and (not firing or exists (select 1 from incidents i where i.id = a.incident_id and i.status = 'closed'))", before);
        await command.ExecuteNonQueryAsync(ct);
    }

    private static (string Service, string Environment, string Fingerprint) Key(Alert a) => (a.Service, a.Environment, a.Fingerprint);

    private static readonly Comparer<(string Service, string Environment, string Fingerprint)> Order = Comparer<(string Service, string Environment, string Fingerprint)>.Create((a, b) =>
        string.CompareOrdinal(a.Service, b.Service) is not 0 and var s ? s : string.CompareOrdinal(a.Environment, b.Environment) is not 0 and var e ? e : string.CompareOrdinal(a.Fingerprint, b.Fingerprint));

    /// <summary>PostgreSQL keeps microseconds: a moment that is compared with a stored one must have been rounded like it.</summary>
    private static Alert Rounded(Alert a) => a with { StartsAt = a.StartsAt.AddTicks(-(a.StartsAt.Ticks % TimeSpan.TicksPerMicrosecond)) };

    private static AlertRow Read(NpgsqlDataReader r) => new(
        new Alert(r.GetString(0), r.GetString(1), r.GetString(2), r.GetString(3), Sql.Parse<Level>(r.GetString(4)), Sql.Parse<TriggerAction>(r.GetString(5)), r.GetBoolean(6), r.GetFieldValue<DateTimeOffset>(7), r.TimeOrNull(8), r.GetString(9), r.TextOrNull(10)),
        r.GetString(11), r.GetInt64(12), r.GetInt32(13), r.GetFieldValue<DateTimeOffset>(14), r.GetFieldValue<DateTimeOffset>(15));
}
