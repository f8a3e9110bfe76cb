using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Engine.Incidents;
using RollbackConsole.Store.Communication;
using RollbackConsole.Store.Journal;

namespace RollbackConsole.Engine.Communication;

/// <summary>Sends what the outbox holds, and journals for every message whether the contact was told.</summary>
public sealed class OutboxSender(Outbox outbox, IEnumerable<IChannel> channels, IncidentDesk desk, ChangeFeed feed, TimeProvider time, ILogger<OutboxSender> log) : BackgroundService
{
    private const int MostAtOnce = 20;

    /// <summary>Waits between tries: half a minute of trouble is usual, a quarter of an hour is not, and then the next level is called anyway.</summary>
    private static readonly TimeSpan[] Waits = [TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(20), TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(3)];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var changed = feed.Watch("journal");
        try
        {
            while (true)
            {
                try
                {
                    while (await outbox.Claim(MostAtOnce, stoppingToken) is { Count: > 0 } claimed) await Task.WhenAll(claimed.Select(d => Deliver(d, stoppingToken)));
                }
                catch (Exception e) when (!stoppingToken.IsCancellationRequested)
                {
                    // Whatever it is: the next message must still find somebody who sends it.
                    log.LogError(e, "The outbox could not be worked on; its messages stay");
                    await Task.Delay(TimeSpan.FromSeconds(1), time, stoppingToken);
                }
                await changed.Wait(stoppingToken);
            }
        }
        catch (OperationCanceledException)
        {
            // The node stops.
        }
    }

    private async Task Deliver(Delivery d, CancellationToken ct)
    {
        try
        {
            var channel = channels.FirstOrDefault(c => c.Knows(d.Channel))
                ?? throw new DeliveryException($"No channel '{d.Channel}' is set up (Channels:Webhooks:{d.Channel}:Url).", later: false);
            await Send(channel, d, ct);
        }
        catch (DeliveryException e) when (e.Later && d.Attempts <= Waits.Length)
        {
            await outbox.TryLater(d.Id, Waits[d.Attempts - 1], e.Message, ct);
            return;
        }
        catch (DeliveryException e)
        {
            log.LogWarning("{Contact} was not told about {Incident}: {Reason}", d.Contact, d.IncidentId, e.Message);
            await desk.Tell(d.IncidentId, now => new ReportDelivery(d.Id, d.Contact, d.Channel, d.Attempts, e.Message, now), ct);
            await outbox.Finish(d.Id, "failed", e.Message, ct);
            return;
        }
        await desk.Tell(d.IncidentId, now => new ReportDelivery(d.Id, d.Contact, d.Channel, d.Attempts, null, now), ct);
        await outbox.Finish(d.Id, "sent", null, ct);
    }

    /// <summary>A channel that breaks in a way of its own has not delivered, and would break again.</summary>
    private static async Task Send(IChannel channel, Delivery d, CancellationToken ct)
    {
        try
        {
            await channel.Send(d, ct);
        }
        catch (Exception e) when (e is not DeliveryException && !ct.IsCancellationRequested)
        {
            throw new DeliveryException($"The channel broke: {e.Message}", later: false);
        }
    }
}
