using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using RollbackConsole.Store.Communication;
using RollbackConsole.Store.Signals;

namespace RollbackConsole.Engine.Signals;

/// <summary>Removes readings, ended alerts and finished messages that no page shows any more.</summary>
public sealed class PointRetention(MetricPoints points, AlertRows alerts, Outbox outbox, TimeProvider time, ILogger<PointRetention> log) : BackgroundService
{
    /// <summary>Long enough for the report of any incident; the report keeps its own figures after that.</summary>
    private static readonly TimeSpan Kept = TimeSpan.FromDays(30);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromHours(1), time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                try
                {
                    await points.Trim(time.GetUtcNow() - Kept, stoppingToken);
                    await alerts.Trim(time.GetUtcNow() - Kept, stoppingToken);
                    await outbox.Trim(time.GetUtcNow() - Kept, stoppingToken);
                }
                catch (NpgsqlException e)
                {
                    log.LogWarning("Old readings could not be removed: {Reason}", e.Message);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The node stops.
        }
    }
}
