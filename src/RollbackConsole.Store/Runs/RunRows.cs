using Npgsql;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Store.Journal;

namespace RollbackConsole.Store.Runs;

/// <summary>A run as lists show it.</summary>
public sealed record RunRow(
    string Id, string IncidentId, string Plan, int PlanVersion, string Title, string Service, string Environment, bool DryRun, RunStatus Status,
    RunOutcome? Outcome, string Summary, string RequestedBy, DateTimeOffset RequestedAt, DateTimeOffset? StartedAt, DateTimeOffset? FinishedAt,
    int Steps, int StepsDone, string? Node, DateTimeOffset? ExpiresAt = null, string? ClaimedBy = null, DateTimeOffset? ClaimedAt = null, string? Missing = null);

/// <summary>The read model of runs.</summary>
public sealed class RunRows(NpgsqlDataSource source)
{
    private const string Columns = """
        id, incident_id, plan, plan_version, title, service, environment, dry_run, status, outcome, summary, requested_by, requested_at,
        started_at, finished_at, steps, steps_done, node, expires_at, claimed_by, claimed_at, missing
        """;

    /// <summary>The constraint that a second run on the same target meets.</summary>
    internal const string TargetTaken = "runs_works_on";

    internal static IEnumerable<NpgsqlBatchCommand> Project(Run s, IReadOnlyList<Domain.Journal.IEvent> events) => [Upsert(s, starts: events.Any(e => e is RunQueued)), .. Communication.Outbox.Project(s, events)];

    private static NpgsqlBatchCommand Upsert(Run s, bool starts) => Sql.Batch($"""
        insert into runs ({Columns}, not_before, works_on) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)
        on conflict (id) do update set status = excluded.status, outcome = excluded.outcome, summary = excluded.summary, started_at = excluded.started_at,
            finished_at = excluded.finished_at, steps = excluded.steps, steps_done = excluded.steps_done, node = excluded.node,
            expires_at = excluded.expires_at, claimed_by = excluded.claimed_by, claimed_at = excluded.claimed_at, missing = excluded.missing, not_before = excluded.not_before,
            works_on = case when $25 then coalesce(excluded.works_on, runs.works_on) end
        """, s.Id, s.IncidentId, s.Plan.Name, s.PlanVersion, s.Plan.Title, s.Service, s.Environment, s.DryRun, Sql.Name(s.Status),
        s.Outcome is { } o ? Sql.Name(o) : null, s.Summary, s.RequestedBy!.Name, s.RequestedAt, s.StartedAt, s.FinishedAt,
        s.Steps.Length, s.Steps.Count(x => x.Done), s.Node, s.Status != RunStatus.Finished ? s.ExpiresAt : null, Claim(s)?.By.Name, Claim(s)?.At,
        Missing(s), s.NotBefore, starts && s is { Live: true, DryRun: false } ? Target(s.Service, s.Environment, s.Plan.Purpose) : null, s.Live);

    private static ApprovalClaimed? Claim(Run s) => s.Claim is { } held ? RunDecider.ClaimOf(s, held.At) : null;

    /// <summary>Whose word the run waits for: before it starts, or at its open gates.</summary>
    private static string? Missing(Run s)
    {
        var who = s.Status == RunStatus.AwaitingApproval ? s.Requirements.Where(r => !r.AtEnd && RunDecider.Counting(s, r).Count() < r.Count).Select(r => r.Who) : s.OpenGates.Select(g => Gates.Requirement(g.Step).Who);
        return s.Status == RunStatus.AwaitingApproval || s.OpenGates.Any() ? string.Join(", ", who.Distinct(StringComparer.Ordinal)) : null;
    }

    /// <summary>An emergency does not wait for the rollback that it is to end, and the other way round.</summary>
    private static string Target(string service, string environment, Domain.Plans.PlanPurpose purpose) => $"{Sql.Name(purpose)} {environment} {service}";

    /// <summary>The real run that works, or is about to, on a target; null when none does.</summary>
    public async Task<RunRow?> AtWork(string service, string environment, Domain.Plans.PlanPurpose purpose, CancellationToken ct = default) =>
        (await source.Command($"select {Columns} from runs where works_on = $1 and status not in ('awaitingApproval', 'finished')", Target(service, environment, purpose)).List(Read, ct)).FirstOrDefault();

    /// <summary>Real runs of an incident that have not come to their end.</summary>
    public Task<List<RunRow>> Unfinished(string incident, CancellationToken ct = default) =>
        source.Command($"select {Columns} from runs where incident_id = $1 and status <> 'finished' and not dry_run order by requested_at", incident).List(Read, ct);

    public Task<List<RunRow>> OfIncident(string incident, CancellationToken ct = default) =>
        source.Command($"select {Columns} from runs where incident_id = $1 order by requested_at desc limit 500", incident).List(Read, ct);

    public Task<List<RunRow>> OfIncidents(IReadOnlyList<string> incidents, CancellationToken ct = default) =>
        source.Command($"select {Columns} from runs where incident_id = any($1) order by requested_at desc limit 2000", [incidents.ToArray()]).List(Read, ct);

    /// <summary>Runs that wait for somebody's yes: to start, or at a gate in their middle or at their end.</summary>
    public Task<List<RunRow>> AwaitingApproval(CancellationToken ct = default) =>
        source.Command($"select {Columns} from runs where status <> 'finished' and (status = 'awaitingApproval' or missing is not null) order by requested_at limit 500").List(Read, ct);

    public Task<List<RunRow>> Recent(int limit, CancellationToken ct = default) =>
        source.Command($"select {Columns} from runs order by requested_at desc limit $1", limit).List(Read, ct);

    /// <summary>Approved, unfinished runs that no living node holds, by the database's clock.</summary>
    public Task<List<string>> Unheld(CancellationToken ct = default) => source.Command("""
        select r.id from runs r left join run_leases l on l.run_id = r.id
        where r.status not in ('awaitingApproval', 'finished') and not (r.status = 'paused' and r.started_at is null) and (r.not_before is null or r.not_before <= now()) and (l.run_id is null or l.expires_at < now()) order by r.requested_at limit 100
        """).List(r => r.GetString(0), ct);

    /// <summary>Requests that nobody answered, and approvals that nothing came of, in their time.</summary>
    public Task<List<string>> Expired(DateTimeOffset now, CancellationToken ct = default) =>
        source.Command("select id from runs where expires_at <= $1 order by expires_at limit 100", now).List(r => r.GetString(0), ct);

    /// <summary>The newest run of a plan in a place that people approved: what an approver has seen before.</summary>
    public async Task<string?> LastApproved(string plan, string service, string environment, string except, CancellationToken ct = default) => (await source.Command("""
        select id from runs where plan = $1 and service = $2 and environment = $3 and id <> $4 and not dry_run and started_at is not null order by started_at desc limit 1
        """, plan, service, environment, except).List(r => r.GetString(0), ct)).FirstOrDefault();

    /// <summary>What real runs say about plans, by plan.</summary>
    public async Task<Dictionary<string, Domain.Plans.PlanRecord>> Records(IReadOnlyList<string> plans, CancellationToken ct = default) => (await source.Command("""
        select plan, max(finished_at) filter (where outcome = 'succeeded'), max(finished_at) filter (where outcome in ('failed', 'partial')),
            count(*) filter (where outcome = 'succeeded'), count(*) filter (where outcome in ('failed', 'partial')),
            percentile_cont(0.5) within group (order by extract(epoch from finished_at - started_at)::double precision) filter (where outcome = 'succeeded')
        from runs where status = 'finished' and not dry_run and plan = any($1) group by plan
        """, [plans.ToArray()]).List(r => (r.GetString(0), new Domain.Plans.PlanRecord(r.TimeOrNull(1), r.TimeOrNull(2), (int)r.GetInt64(3), (int)r.GetInt64(4), r.IsDBNull(5) ? null : TimeSpan.FromSeconds(r.GetDouble(5)))), ct))
        .ToDictionary(r => r.Item1, r => r.Item2, StringComparer.Ordinal);

    private static RunRow Read(NpgsqlDataReader r) => new(
        r.GetString(0), r.GetString(1), r.GetString(2), r.GetInt32(3), r.GetString(4), r.GetString(5), r.GetString(6), r.GetBoolean(7),
        Sql.Parse<RunStatus>(r.GetString(8)), r.TextOrNull(9) is { } o ? Sql.Parse<RunOutcome>(o) : null, r.GetString(10), r.GetString(11),
        r.GetFieldValue<DateTimeOffset>(12), r.TimeOrNull(13), r.TimeOrNull(14), r.GetInt32(15), r.GetInt32(16), r.TextOrNull(17),
        r.TimeOrNull(18), r.TextOrNull(19), r.TimeOrNull(20), r.TextOrNull(21));
}
