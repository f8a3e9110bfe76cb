using System.Text.Json;
using Npgsql;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Approvals;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Library;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Store.Journal;

namespace RollbackConsole.Engine.Journal;

/// <summary>A row of an incident's timeline.</summary>
/// <param name="Actor">The name of whoever acted.</param>
/// <param name="Data">The event as it was journaled.</param>
public sealed record TimelineRow(long Position, DateTimeOffset At, string Actor, string Kind, string Summary, JsonElement Data, string? Run);

/// <summary>An incident's story: its own events and those of its runs, in commit order.</summary>
public sealed class Timeline(NpgsqlDataSource source)
{
    /// <summary>Rows after a position, oldest first.</summary>
    public async Task<IReadOnlyList<TimelineRow>> Read(Actor actor, string incidentId, long after, int limit, CancellationToken ct = default)
    {
        actor.Require(Permission.See);
        await using var command = source.CreateCommand("""
            select position, stream, version, at, actor, kind, data::text, hash from journal
            where position > $2 and (stream = 'incident/' || $1 or stream in (select 'run/' || id from runs where incident_id = $1))
            order by position limit $3
            """);
        command.Parameters.AddWithValue(incidentId);
        command.Parameters.AddWithValue(after);
        command.Parameters.AddWithValue(limit);
        var rows = new List<TimelineRow>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
            rows.Add(Row(new JournalEntry(reader.GetInt64(0), reader.GetString(1), reader.GetInt32(2), reader.GetFieldValue<DateTimeOffset>(3),
                reader.GetString(4), reader.GetString(5), reader.GetString(6), reader.GetString(7))));
        return rows;
    }

    public static TimelineRow Row(JournalEntry entry)
    {
        var (actor, summary) = Describe(entry.Event);
        var data = JsonDocument.Parse(entry.Data).RootElement.Clone();
        return new TimelineRow(entry.Position, entry.At, actor ?? Person.Console.Name, entry.Kind, summary, data,
            entry.Stream.StartsWith("run/", StringComparison.Ordinal) ? entry.Stream[4..] : null);
    }

    /// <summary>One sentence for each kind of event. A kind without a sentence is a fault of this file, and says so.</summary>
    public static (string? Actor, string Summary) Describe(IEvent e) => e switch
    {
        IncidentDeclared d => (d.By.Name, $"Declared incident {d.Number}: {d.Title}"),
        IncidentClassified c => (c.By.Name, $"Severity {Lower(c.Severity)}, decide by {c.DecideBy:HH:mm} UTC" + (c.Rules.Count > 0 ? $": {c.Rules[0].Because}" : "") + (c.Reason is null ? "" : $" ({c.Reason})")),
        CommanderAssigned c => (c.By.Name, c.By == c.Commander ? "Took command" : $"Gave command to {c.Commander.Name}"),
        IncidentDecided { Choice: Choice.Hold } d => (d.By.Name, $"Decided to hold until {d.HoldUntil:HH:mm} UTC: {d.Reason}"),
        IncidentDecided d => (d.By.Name, $"Decided to {(d.Choice == Choice.RollBack ? "roll back" : "fix forward")}: {d.Reason}"),
        DecisionOverdue d => (null, $"The decision was due at {d.DueAt:HH:mm} UTC and is overdue"),
        EscalationStarted s => (null, $"Escalation '{s.Escalation.Title}' started, {s.Escalation.Levels.Count} levels"),
        IncidentEscalated x => (null, $"Called level {x.Level} ({x.Name}), because {x.Because}: " + (x.Calls.Count == 0 ? "it reaches nobody" : string.Join(", ", x.Calls.Select(c => c.Title + (c.Reachable ? "" : " (no channel)"))))),
        EscalationExhausted => (null, "Every level was called and nobody acknowledged"),
        IncidentAcknowledged a => (a.By.Name, a.Level > 0 ? $"Acknowledged at level {a.Level}" : "Acknowledged"),
        ContactTold c => (null, $"{c.Contact} was told by {c.Channel}" + (c.Attempts > 1 ? $" at attempt {c.Attempts}" : "")),
        ContactMissed c => (null, $"{c.Contact} could not be told by {c.Channel}: {c.Because}"),
        AlertFired f => ("Monitoring", $"Alert {f.Alert.Name} fires: {f.Alert.Summary}" + (f.Alert.Assumed is { } assumed ? $" ({assumed})" : "")),
        AlertResolved r => ("Monitoring", $"Alert {r.Name} ended"),
        AlertFlapping f => ("Monitoring", $"Alert {f.Name} flaps: it began {f.Fires} times; its changes are not told until it is steady"),
        AlertSteady a => ("Monitoring", $"Alert {a.Name} is steady again and {(a.Firing ? "fires" : "has ended")}"),
        LevelMoved m => (null, $"On to level {m.To} after level {m.From}: {m.Because}"),
        LevelKept k => (null, $"Level {k.Level} is enough: {k.Because}"),
        SymptomGone g => (g.By.Name, $"Says that the symptom is gone: {g.Reason}"),
        RoleAssigned r => (r.By.Name, r.Holder is null ? $"The {Lower(r.Role)} laid down the role" : r.Holder == r.By ? $"Is {Lower(r.Role)} now" : $"Made {r.Holder.Name} {Lower(r.Role)}"),
        RowPinned p => (p.By.Name, p.Pinned ? "Pinned a row" : "Unpinned a row"),
        ItemDone i => (i.By.Name, $"{(i.List == ItemList.Evidence ? "Saved evidence" : "Done")}: {i.Title}" + (i.Text.Length > 0 ? $" — {i.Text}" : "")),
        DocumentVersionAdded d => (d.By.Name, $"Added version {d.Version} of {d.Name} ({Lower(d.Kind)})"),
        NoteAdded n => (n.By.Name, n.Text),
        RunLinked r => (r.By.Name, r.Summary),
        IncidentResolved r => (r.By.Name, "Resolved" + (string.IsNullOrWhiteSpace(r.Summary) ? "" : $": {r.Summary}")),
        IncidentClosed c => (c.By.Name, "Closed"),
        RunRequested r => (r.By.Name, $"Requested {(r.DryRun ? "a dry run of " : "")}'{r.Plan.Title}' (version {r.PlanVersion}): {r.Reason}"),
        RunPolicyChanged p => (null, "The policy asks for something else now: " + (p.Policy.Approvals.Count == 0 ? "no approval" : string.Join(", ", p.Policy.Approvals.Select(PolicyWords.Of)))),
        ApprovalClaimed c => (c.By.Name, "Looks at the request"),
        ApprovalGiven a => (a.By.Name, $"Approved as {a.Group}" + (a.Reference is { Length: > 0 } reference ? $" ({reference})" : "") + (a.Comment.Length > 0 ? $": {a.Comment}" : "")),
        GlassBroken g => (g.By.Name, $"Started without approval ({string.Join(", ", g.Missing)} missing), review due by {g.ReviewBy:yyyy-MM-dd HH:mm} UTC: {g.Reason}"),
        RunHandedOver h => (null, $"{h.Node} stops and hands the run over"),
        StepProbeStarted p => (null, $"Step '{p.Step}' was interrupted; its target is asked whether it took effect"),
        GateAnswered g => (g.By.Name, $"{(g.Approve ? "Approved" : "Refused")} '{g.Step}' as {g.Group}" + (g.Comment.Length > 0 ? $": {g.Comment}" : "")),
        EmergencyStarted x => (null, $"EMERGENCY, the recovery failed: {x.Because}"),
        ReviewDue r => (r.By.Name, $"'{r.Plan}' runs without approval; somebody else has to review that by {r.DueAt:yyyy-MM-dd HH:mm} UTC"),
        ReviewReminded r => (null, $"The review of a run without approval was due by {r.DueAt:yyyy-MM-dd HH:mm} UTC and is not done (reminder {r.Reminder})"),
        ReviewDone r => (r.By.Name, $"Reviewed the run without approval: {r.Findings}"),
        ApprovalRefused a => (a.By.Name, $"Rejected: {a.Comment}"),
        RunQueued q => (null, "Queued" + (q.NotBefore is { } opens ? $": the maintenance window opens at {opens:yyyy-MM-dd HH:mm} UTC" : "")),
        RunLeased l => (null, $"{l.Node} works on the run (epoch {l.Epoch})"),
        StepStarted s => (null, $"Step '{s.Step}' started" + (s.Attempt > 1 ? $", attempt {s.Attempt}" : "")),
        StepFinished f => (null, $"Step '{f.Step}' {Word(f.Status)}: {f.Summary}"),
        StepRetryScheduled r => (null, $"Step '{r.Step}' is tried again at {r.NotBefore:HH:mm:ss} UTC, attempt {r.NextAttempt}"),
        StepInterrupted i => (null, $"Step '{i.Step}' was interrupted: {i.Because}"),
        StepConfirmed { Refusal: { } why } c => (c.By.Name, $"Refused '{c.Step}': {why}"),
        StepConfirmed c => (c.By.Name, $"Confirmed '{c.Step}': {string.Join("; ", c.Items)}"),
        StepRetryOrdered r => (r.By.Name, $"Ordered '{r.Step}' to be tried again: {r.Reason}"),
        StepSkipped k => (k.By.Name, $"Skipped '{k.Step}': {k.Reason}"),
        StepOutcomeSettled o => (o.By.Name, $"Settled '{o.Step}' as {Word(o.Status)}: {o.Reason}"),
        RunPaused p => (p.By.Name, $"Paused: {p.Reason}"),
        RunResumed r => (r.By.Name, $"Resumed: {r.Reason}"),
        AbortRequested a => (a.By.Name, $"Aborted: {a.Reason}"),
        DecisionNeeded d => (null, $"Needs a decision: {d.Because}"),
        RecoveryStarted r => (r.By?.Name, $"Recovery starts: {r.Because}"),
        RunFinished f => (null, $"Finished, {Lower(f.Outcome)}: {f.Summary}"),
        PlanVersionAdded p => (p.By.Name, $"Added version {p.Version} of plan {p.Name}"),
        AccountCreated a => (a.By.Name, $"Created the account {a.Name} ({string.Join(", ", a.Roles)})"),
        TokenCreated t => (t.By.Name, $"Created the token {t.Name} ({string.Join(", ", t.Roles)})"),
        SignedIn s => (s.Name, $"Signed in from {s.From}" + (s.Method is { } method ? $" ({method})" : "")),
        SessionsEnded e2 => (e2.By.Name, $"Ended {e2.Count} {(e2.Count == 1 ? "session" : "sessions")} of {e2.Name}"),
        AccountChanged c => (c.By.Name, $"Account {c.Name}: {c.What}"),
        TokenRevoked t => (t.By.Name, $"Revoked the token {t.Name}"),
        SignInFailed s => (s.Name, $"Could not sign in from {s.From}: {s.Because}"),
        SignedOut s => (s.Name, "Signed out"),
        DrillStarted d => (d.By.Name, $"Started the drill '{d.Title}'"),
        DrillFinished d => (null, $"The drill {(d.Succeeded ? "is done" : "failed")}: {d.Summary}"),
        _ => throw new InvalidOperationException($"The timeline has no sentence for {e.GetType().Name}."),
    };

    private static string Word(StepStatus status) => status switch
    {
        StepStatus.Error => "could not run",
        StepStatus.Unknown => "has an unknown outcome",
        StepStatus.Canceled => "was canceled",
        _ => Lower(status),
    };

    private static string Lower<T>(T value) where T : struct, Enum => value.ToString().ToLowerInvariant();
}
