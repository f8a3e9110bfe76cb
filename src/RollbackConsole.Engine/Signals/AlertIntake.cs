using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Domain.Signals;
using RollbackConsole.Engine.Incidents;
using RollbackConsole.Engine.Severity;
using RollbackConsole.Store;
using RollbackConsole.Store.Incidents;
using RollbackConsole.Store.Journal;
using RollbackConsole.Store.Signals;

namespace RollbackConsole.Engine.Signals;

/// <summary>Takes alerts in: kept first, answered at once, worked on in batches. A burst costs rows, never an alert of a new service.</summary>
public sealed class AlertIntake(AlertRows rows, ChangeFeed feed, TimeProvider time)
{
    /// <summary>Returns how many alerts were only counted, because too many of one service wait.</summary>
    public async Task<int> Take(Actor actor, IReadOnlyList<Alert> alerts, CancellationToken ct)
    {
        actor.Require(Permission.SendSignals);
        var beyond = await rows.Receive(alerts, time.GetUtcNow(), ct);
        feed.Announce(AlertRows.Topic);
        return beyond;
    }
}

/// <summary>Works on the alerts that wait: one look, one append for each incident, however many alerts came. One node of the cluster at a time.</summary>
public sealed class AlertWorker(
    AlertRows rows, IncidentRows incidents, IncidentOpener opener, IncidentDesk desk, SeverityDesk severities, ChangeFeed feed, NpgsqlDataSource source, TimeProvider time, ILogger<AlertWorker> log) : BackgroundService
{
    private const int MostAtOnce = 500;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var waiting = feed.Watch(AlertRows.Topic);
        try
        {
            while (true)
            {
                try
                {
                    while (await Work(stoppingToken)) { }
                }
                catch (Exception e) when (!stoppingToken.IsCancellationRequested)
                {
                    log.LogError(e, "Waiting alerts could not be worked on; they stay where they are");
                    await Task.Delay(TimeSpan.FromSeconds(1), time, stoppingToken);
                    continue;
                }
                await waiting.Wait(stoppingToken);
            }
        }
        catch (OperationCanceledException)
        {
            // The node stops.
        }
    }

    /// <summary>False when nothing waits, or another node is at it.</summary>
    private async Task<bool> Work(CancellationToken ct)
    {
        await using var connection = await source.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await using (var turn = new NpgsqlCommand(StoreSetup.HoldTurn + "select pg_try_advisory_xact_lock(720201)", connection, transaction))
            if (!(bool)(await turn.ExecuteScalarAsync(ct))!) return false;
        var waiting = await rows.Waiting(MostAtOnce, ct);
        var done = 0;
        foreach (var group in waiting.GroupBy(w => (w.Alert.Service, w.Alert.Environment)))
        {
            try
            {
                await Work(group.Key.Service, group.Key.Environment, [.. group], ct);
                done++;
            }
            catch (Exception e) when (!ct.IsCancellationRequested)
            {
                // What cannot be worked on now goes to the end of the line: the others must not wait behind it.
                log.LogError(e, "The alerts of {Service} in {Environment} could not be worked on; they are tried again", group.Key.Service, group.Key.Environment);
                await rows.Postpone([.. group], time.GetUtcNow(), ct);
            }
        }
        return done > 0;
    }

    private async Task Work(string service, string environment, List<WaitingAlert> waiting, CancellationToken ct)
    {
        var open = await incidents.OpenFor(service, environment, ct);
        var id = open?.Id;
        var news = new List<WaitingAlert>();
        var begun = new List<Alert>();
        foreach (var w in waiting)
        {
            // A word that was heard before opens nothing: neither a delivery that is repeated, nor one that is replayed after the incident was closed.
            var known = await rows.Find(service, environment, w.Alert.Fingerprint, ct);
            var repeated = known is not null && (w.Alert.StartsAt <= known.Alert.StartsAt || (w.Alert.StartAssumed && known.Alert.Firing));
            if (repeated && known!.IncidentId != id) continue;
            if (w.Fired || known is not null) news.Add(w);
            // Nor does it overrule what a person has said about the severity since.
            if (w.Fired && !repeated) begun.Add(w.Alert);
        }
        var worst = begun.MinBy(a => a.Severity);
        if (worst is not null && (open is null || worst.Severity < open.Severity))
        {
            var rule = new FiredRule("alerts", worst.Name, worst.Summary + (worst.Assumed is { } assumed ? $" ({assumed})" : ""), worst.Severity, worst.Action);
            id = await opener.Open(service, environment, Title(worst), null, Evaluation.Of(worst.Severity, await severities.Levels(ct), [rule]), ct);
        }
        // An end of something that nobody here ever heard the beginning of is counted, and that is all.
        if (id is not null && news.Count > 0)
            await desk.Tell(id, now => new TakeAlerts([.. news.Select(w => w.Alert)], news.Where(w => w.Fired).Select(w => w.Alert.Fingerprint).ToHashSet(StringComparer.Ordinal), now), ct);
        await rows.Done(id ?? "", waiting, time.GetUtcNow(), ct);
    }

    private static string Title(Alert alert) => AlertLabels.Cut(alert.Summary.Length > 0 ? alert.Summary : alert.Name, IncidentDecider.LongestTitle);
}
