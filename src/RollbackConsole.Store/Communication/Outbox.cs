using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Store.Journal;

namespace RollbackConsole.Store.Communication;

/// <summary>A message to a contact.</summary>
/// <param name="Status"><c>pending</c>, <c>sent</c>, <c>failed</c>, or <c>dropped</c> because the incident was over first.</param>
public sealed record Delivery(string Id, string IncidentId, string Contact, string Channel, string Payload, string Status, int Attempts, DateTimeOffset NextAt, string? LastError, DateTimeOffset CreatedAt, DateTimeOffset? FinishedAt)
{
    /// <summary>Does it call this contact as one of this level? The id begins with both.</summary>
    public bool IsFor(EscalationLevel level, EscalationContact contact) => Id.StartsWith(Prefix(IncidentId, level.Number, contact), StringComparison.Ordinal);

    internal static string Prefix(string incident, int level, EscalationContact contact) => $"{incident}-{level}-{contact.Id}-";
}

/// <summary>Messages that wait to be sent. They are written in the transaction of the event that orders them, so that none is lost and none is sent for something that never happened.</summary>
public sealed class Outbox(NpgsqlDataSource source)
{
    private const string Columns = "id, incident_id, contact, channel, payload::text, status, attempts, next_at, last_error, created_at, finished_at";

    internal static IEnumerable<NpgsqlBatchCommand> Project(Incident s, IReadOnlyList<IEvent> events)
    {
        foreach (var e in events)
        {
            switch (e)
            {
                case IncidentEscalated called:
                    foreach (var contact in called.Calls.Where(c => c.Reachable)) yield return Insert(s, called, contact);
                    break;
                case ReviewDue or ReviewReminded:
                    var (word, run, at) = e switch { ReviewDue d => ("break-glass", d.RunId, d.At), ReviewReminded r => ("review-overdue", r.RunId, r.At), _ => throw new InvalidOperationException() };
                    foreach (var contact in (s.Escalation?.Levels ?? []).SelectMany(l => l.Contacts).Where(c => c.Reachable).DistinctBy(c => c.Id))
                        yield return Insert($"{s.Id}-{word}-{run}-{contact.Id}-{at.ToUnixTimeMilliseconds()}", s.Id, contact.Title, contact.Channel!, at, new
                        {
                            Kind = word,
                            Incident = new { s.Id, s.Number, s.Title, s.Service, s.Environment, s.Severity, Path = "/incidents/" + s.Id },
                            Run = new { Id = run, s.Reviews[run].Due.Plan, s.Reviews[run].Due.Reason, By = s.Reviews[run].Due.By.Name, ReviewBy = s.Reviews[run].Due.DueAt, Path = "/runs/" + run },
                            Contact = new { contact.Title, contact.Address },
                            At = at,
                        });
                    break;
                case IncidentResolved or IncidentClosed:
                    yield return Sql.Batch("update outbox set status = 'dropped', finished_at = now(), last_error = 'the incident was over first' where incident_id = $1 and status = 'pending' and payload ->> 'kind' = 'escalation'", s.Id);
                    break;
            }
        }
    }

    /// <summary>The channels that a policy names hear what becomes of the run.</summary>
    internal static IEnumerable<NpgsqlBatchCommand> Project(Run s, IReadOnlyList<IEvent> events)
    {
        foreach (var e in events)
        {
            var (word, at) = e switch
            {
                // A change of nodes asks nobody twice: what interrupts an attempt is taken off its number.
                StepStarted t when s.Find(t.Step) is { Step.Uses: Gates.Kind } gate => ($"run-gate-{t.Step}-{t.Attempt - gate.Interruptions}", t.At),
                RunRequested r => ("run-requested", r.At),
                GlassBroken g => ("run-without-approval", g.At),
                EmergencyStarted x => ("run-emergency", x.At),
                RunFinished f => ("run-finished", f.At),
                _ => (null, default),
            };
            if (word is null) continue;
            foreach (var channel in s.Policy.Notify)
                yield return Insert($"{s.Id}-{word}-{channel}", s.IncidentId, $"channel {channel}", channel, at, new
                {
                    Kind = e is StepStarted ? "run-gate" : word,
                    WaitsFor = e is StepStarted asks ? Gates.Requirement(s.Find(asks.Step)!.Step).Who : null,
                    Run = new { s.Id, Plan = s.Plan.Name, s.Plan.Title, s.Service, s.Environment, s.Reason, By = s.RequestedBy!.Name, s.Status, s.Outcome, s.Summary, Path = "/runs/" + s.Id },
                    At = at,
                });
        }
    }

    private static NpgsqlBatchCommand Insert(Incident s, IncidentEscalated called, EscalationContact contact)
    {
        var id = Delivery.Prefix(s.Id, called.Level, contact) + called.At.ToUnixTimeMilliseconds();
        return Insert(id, s.Id, contact.Title, contact.Channel!, called.At, new
        {
            Id = id,
            Kind = "escalation",
            Incident = new { s.Id, s.Number, s.Title, s.Service, s.Environment, s.Severity, s.Action, s.DecideBy, Path = "/incidents/" + s.Id },
            Level = new { called.Level, called.Name, called.Responder, called.Authority },
            Contact = new { contact.Title, contact.Address },
            called.Because,
            called.At,
        });
    }

    private static NpgsqlBatchCommand Insert(string id, string incident, string contact, string channel, DateTimeOffset at, object payload)
    {
        var command = Sql.Batch("insert into outbox (id, incident_id, contact, channel, status, next_at, created_at, payload) values ($1, $2, $3, $4, 'pending', now(), $5, $6) on conflict (id) do nothing",
            id, incident, contact, channel, at);
        command.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Jsonb, Value = JsonText.WithoutZero(JsonSerializer.Serialize(payload, DomainJson.Options)) });
        return command;
    }

    /// <summary>Takes messages that are due, for a minute: a node that dies with them in hand loses nothing, they come due again.</summary>
    public Task<List<Delivery>> Claim(int most, CancellationToken ct) => source.Command($"""
        update outbox set attempts = attempts + 1, next_at = now() + interval '60 seconds'
        where id in (select id from outbox where status = 'pending' and next_at <= now() order by next_at limit $1 for update skip locked)
        returning {Columns}
        """, most).List(Read, ct);

    public async Task Finish(string id, string status, string? error, CancellationToken ct)
    {
        await using var command = source.Command("update outbox set status = $2, last_error = $3, finished_at = now() where id = $1 and status = 'pending'", id, status, error);
        await command.ExecuteNonQueryAsync(ct);
    }

    public async Task TryLater(string id, TimeSpan wait, string error, CancellationToken ct)
    {
        await using var command = source.Command("update outbox set next_at = now() + $2, last_error = $3 where id = $1 and status = 'pending'", id, wait, error);
        await command.ExecuteNonQueryAsync(ct);
    }

    public Task<List<Delivery>> OfIncident(string incident, int limit = 200, int offset = 0, CancellationToken ct = default) =>
        source.Command($"select {Columns} from outbox where incident_id = $1 order by created_at desc, id limit $2 offset $3", incident, limit, offset).List(Read, ct);

    /// <summary>What was finished before a time stands in the journal and is of no use here.</summary>
    public async Task Trim(DateTimeOffset before, CancellationToken ct)
    {
        await using var command = source.Command("delete from outbox where finished_at < $1", before);
        await command.ExecuteNonQueryAsync(ct);
    }

    private static Delivery Read(NpgsqlDataReader r) => new(r.GetString(0), r.GetString(1), r.GetString(2), r.GetString(3), r.GetString(4), r.GetString(5), r.GetInt32(6),
        r.GetFieldValue<DateTimeOffset>(7), r.TextOrNull(8), r.GetFieldValue<DateTimeOffset>(9), r.TimeOrNull(10));
}
