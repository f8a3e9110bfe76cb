using System.Collections.Concurrent;
using Microsoft.AspNetCore.SignalR;
using Npgsql;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Engine.Incidents;
using RollbackConsole.Engine.Journal;
using RollbackConsole.Engine.Runs;
using RollbackConsole.Store.Journal;
using RollbackConsole.Store.Runs;
using RollbackConsole.Store.Signals;
using RollbackConsole.Web.Access;

namespace RollbackConsole.Web.Journal;

/// <summary>The live feed. Every viewer has a position; it catches up from the database, then follows: first the watch, then the look,
/// so that nothing which comes between the two is missed.</summary>
public sealed class LiveHub(
    IncidentDesk incidents, RunDoor runs, Timeline timeline, LogLines log, MetricPoints points, ChangeFeed feed,
    Presence presence, Doorkeeper door, TimeProvider time, IHubContext<LiveHub> hub, ILogger<LiveHub> logger) : Hub
{
    /// <summary>Rows or lines in one message: a long catch-up goes in bites that a browser can draw.</summary>
    private const int MostInMessage = 1000;

    /// <summary>Things that one connection may follow; a person opens a room and a run.</summary>
    private const int MostFollowed = 20;

    /// <summary>A chart opens with this much of the past.</summary>
    private static readonly TimeSpan ChartPast = TimeSpan.FromMinutes(15);

    /// <summary>And shows this much at the most.</summary>
    private static readonly TimeSpan ChartMost = TimeSpan.FromHours(1);

    private static readonly ConcurrentDictionary<string, ConcurrentDictionary<string, Feeding>> Following = new(StringComparer.Ordinal);

    public override async Task OnConnectedAsync()
    {
        await base.OnConnectedAsync();
        // The hub object goes with the call; the connection's context stays.
        _ = Guard(Context);
    }

    /// <summary>Ends the connection when its session or token is no longer good.</summary>
    private async Task Guard(HubCallerContext connection)
    {
        try
        {
            while (true)
            {
                await Task.Delay(Doorkeeper.AskEvery, time, connection.ConnectionAborted);
                try
                {
                    if (await door.MayStay(connection.User!, connection.ConnectionAborted)) continue;
                }
                catch (Exception e) when (e is NpgsqlException or InvalidOperationException { InnerException: NpgsqlException })
                {
                    // While the database is away nobody is cut off in the middle of an incident.
                    continue;
                }
                connection.Abort();
                return;
            }
        }
        catch (OperationCanceledException)
        {
            // It went by itself.
        }
    }

    public async Task JoinIncident(string incidentId, long afterPosition)
    {
        var actor = Context.User!.ToActor();
        var incident = await Known(() => incidents.Get(actor, incidentId));
        var client = hub.Clients.Client(Context.ConnectionId);
        var connection = Context.ConnectionId;
        await Follow(incidentId, async ct =>
        {
            await hub.Clients.Group(incidentId).SendAsync("Presence", incidentId, presence.Join(incidentId, connection, actor.Name), ct);
            try
            {
                await Task.WhenAll(Events(client, actor, incidentId, afterPosition, ct), Metrics(client, incident, ct));
            }
            finally
            {
                await hub.Clients.Group(incidentId).SendAsync("Presence", incidentId, presence.Leave(incidentId, connection), CancellationToken.None);
            }
        });
        await Groups.AddToGroupAsync(Context.ConnectionId, incidentId);
        await Clients.Caller.SendAsync("Presence", incidentId, presence.Join(incidentId, connection, actor.Name));
    }

    public async Task FollowRun(string runId, long afterSeq)
    {
        await Known(() => runs.Get(Context.User!.ToActor(), runId));
        if (afterSeq < 0) throw new HubException("afterSeq must not be negative.");
        var client = hub.Clients.Client(Context.ConnectionId);
        await Follow(runId, ct => Lines(client, runId, afterSeq, ct));
    }

    public async Task Leave(string id)
    {
        if (Following.TryGetValue(Context.ConnectionId, out var mine) && mine.TryRemove(id, out var feeding)) await feeding.End();
        await Groups.RemoveFromGroupAsync(Context.ConnectionId, id);
    }

    public override Task OnDisconnectedAsync(Exception? exception)
    {
        if (Following.TryRemove(Context.ConnectionId, out var mine))
            foreach (var feeding in mine.Values) feeding.Stop.Cancel();
        return base.OnDisconnectedAsync(exception);
    }

    private Task Events(ISingleClientProxy client, Actor actor, string incidentId, long after, CancellationToken ct) => Tail("journal", after, async (position, token) =>
    {
        var rows = await timeline.Read(actor, incidentId, position, MostInMessage, token);
        if (rows.Count == 0) return null;
        await client.SendAsync("Events", rows, token);
        return rows[^1].Position;
    }, ct);

    private Task Lines(ISingleClientProxy client, string runId, long after, CancellationToken ct) => Tail("log/" + runId, after, async (seq, token) =>
    {
        var lines = await log.After(runId, seq, MostInMessage, null, token);
        if (lines.Count == 0) return null;
        await client.SendAsync("Lines", runId, lines.Select(l => new object[] { l.Seq, l.At, l.Step, l.Attempt, l.Stream, l.Text }).ToArray(), token);
        return lines[^1].Seq;
    }, ct);

    private Task Metrics(ISingleClientProxy client, Incident incident, CancellationToken ct)
    {
        // What a chart can draw: from shortly before the incident, the last hour of a long one, until shortly after it was resolved.
        var until = incident.ResolvedAt is { } resolved ? resolved + ChartPast : DateTimeOffset.MaxValue;
        var (declared, lastHour) = (incident.DeclaredAt - ChartPast, (incident.ResolvedAt ?? time.GetUtcNow()) - ChartMost);
        var since = declared > lastHour ? declared : lastHour;
        return Tail(MetricPoints.Topic(incident.Service, incident.Environment), 0, async (id, token) =>
    {
        var found = await points.After(incident.Service, incident.Environment, id, since, until, MostInMessage, token);
        if (found.Count == 0) return null;
        await client.SendAsync("Metrics", incident.Id, found.Select(p => new { Series = p.Point.Metric, p.Point.At, p.Point.Value, p.Point.Baseline }).ToArray(), token);
        return found[^1].Id;
    }, ct);
    }

    /// <summary>Sends what lies after a position, again and again; while PostgreSQL is away it waits and goes on from the same position.</summary>
    private async Task Tail(string topic, long after, Func<long, CancellationToken, Task<long?>> send, CancellationToken ct)
    {
        using var changed = feed.Watch(topic);
        while (true)
        {
            try
            {
                if (await send(after, ct) is { } next)
                {
                    after = next;
                    continue;
                }
            }
            catch (NpgsqlException e)
            {
                logger.LogWarning("A viewer of {Topic} waits for PostgreSQL: {Reason}", topic, e.Message);
                await Task.Delay(TimeSpan.FromSeconds(1), time, ct);
                continue;
            }
            await changed.Wait(ct);
        }
    }

    /// <summary>The feed that this one replaces has ended when this one starts: no batch of the old comes between those of the new.</summary>
    private async Task Follow(string id, Func<CancellationToken, Task> work)
    {
        var mine = Following.GetOrAdd(Context.ConnectionId, _ => new(StringComparer.Ordinal));
        if (mine.TryRemove(id, out var before)) await before.End();
        if (mine.Count >= MostFollowed) throw new HubException($"A connection follows at most {MostFollowed} things; leave one first.");
        var stop = CancellationTokenSource.CreateLinkedTokenSource(Context.ConnectionAborted);
        mine[id] = new Feeding(stop, Task.Run(async () =>
        {
            try
            {
                await work(stop.Token);
            }
            catch (OperationCanceledException)
            {
                // The viewer left.
            }
            catch (Exception e)
            {
                logger.LogError(e, "The feed of {Id} broke", id);
            }
        }, CancellationToken.None));
    }

    private sealed record Feeding(CancellationTokenSource Stop, Task Work)
    {
        public async Task End()
        {
            await Stop.CancelAsync();
            await Work;
        }
    }

    private static async Task<T> Known<T>(Func<Task<T>> get)
    {
        try
        {
            return await get();
        }
        catch (RefusedException e)
        {
            throw new HubException(e.Message, e);
        }
    }
}
