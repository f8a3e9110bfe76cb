using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RollbackConsole.Engine.Signals;
using RollbackConsole.Store.Incidents;
using RollbackConsole.Store.Journal;
using RollbackConsole.Store.Signals;

namespace RollbackConsole.Engine.Incidents;

/// <summary>Lets time pass for every incident for which something is due. Every node runs it; the journal's versions let one of them through.</summary>
public sealed class ClockWatch(IncidentRows incidents, IncidentDesk desk, EventJournal journal, AlertRows alerts, FiringNow firing, TimeProvider time, ILogger<ClockWatch> log) : BackgroundService
{
    /// <summary>A second late is what a person calls on time.</summary>
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(LookEvery, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken)) await Look(stoppingToken);
        }
        catch (OperationCanceledException)
        {
            // The node stops.
        }
    }

    internal async Task Look(CancellationToken ct)
    {
        List<string> due;
        try
        {
            due = await incidents.Due(time.GetUtcNow(), ct);
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            log.LogError(e, "The clock could not look for what is due");
            return;
        }
        foreach (var id in due)
        {
            try
            {
                var alertsFiring = await alerts.Firing(id, ct);
                await desk.LetTimePass(id, alertsFiring.Count > 0 || await SymptomSeen(id, ct), alertsFiring, ct);
            }
            catch (Exception e) when (!ct.IsCancellationRequested)
            {
                // One incident's trouble must not stop the clocks of the others; it is looked at again in a second.
                log.LogError(e, "The clock of {Incident} could not be moved on", id);
            }
        }
    }

    /// <summary>Do readings still break a rule which fired?</summary>
    private async Task<bool> SymptomSeen(string id, CancellationToken ct)
    {
        var incident = (await journal.Load(Streams.Incidents, id, ct)).State;
        return (await firing.Of(incident.Service, incident.Environment, ct)).Any(f => incident.Rules.Any(r => r.Matrix == f.Matrix && r.Rule == f.Rule));
    }
}
