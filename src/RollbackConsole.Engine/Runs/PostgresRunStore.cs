using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Steps.Running;
using RollbackConsole.Steps.Secrets;
using RollbackConsole.Store.Journal;
using RollbackConsole.Store.Runs;

namespace RollbackConsole.Engine.Runs;

/// <summary>The engine's store on PostgreSQL.</summary>
public sealed class PostgresRunStore(
    EventJournal journal, RunLeases leases, LogLines lines, ChangeFeed feed, SecretMask mask, IOptions<EngineOptions> options, TimeProvider time, ILogger<RunLog> log) : IRunStore
{
    public Task<Loaded<Run>> Load(string id, CancellationToken ct) => journal.Load(Streams.Runs, id, ct);

    public Task<Loaded<Run>> Catch(string id, Loaded<Run> from, CancellationToken ct) => journal.Catch(Streams.Runs, id, from, ct);

    public async Task<Loaded<Run>> Append(string id, Loaded<Run> at, IReadOnlyList<IEvent> events, DateTimeOffset time, CancellationToken ct)
    {
        if (events.OfType<EmergencyStarted>().FirstOrDefault() is not { } emergency) return await journal.Append(Streams.Runs, id, at, events, Person.Console, time, ct);
        // The worst that a run can come to: whoever stands above is called in the very same commit.
        var incident = await journal.Load(Streams.Incidents, at.State.IncidentId, ct);
        var calls = IncidentDecider.Decide(incident.State, new CallNextLevel($"the recovery of '{at.State.Plan.Title}' failed and its emergency procedure began ({emergency.Because})", Person.Console, time)).Events;
        return (await journal.AppendBoth(Streams.Runs, id, at, events, Streams.Incidents, at.State.IncidentId, incident, calls, Person.Console, time, ct)).First;
    }

    public async Task<Incident> Incident(string id, CancellationToken ct) => (await journal.Load(Streams.Incidents, id, ct)).State;

    public Task<bool> TryTake(string run, string node, int epoch, TimeSpan length, CancellationToken ct) => leases.TryTake(run, node, epoch, length, ct);

    public Task<bool> Renew(string run, int epoch, TimeSpan length, CancellationToken ct) => leases.Renew(run, epoch, length, ct);

    public Task Release(string run, int epoch, CancellationToken ct) => leases.Release(run, epoch, ct);

    public async Task<IRunLog> OpenLog(string run, int epoch, CancellationToken lost) => await RunLog.Open(run, epoch, lines, mask, time, options.Value.LogFlushEvery, log, lost);

    public IRunWatch Watch(string run) => new Watching(feed.Watch(Streams.Runs.Stream(run)));

    public string Host => Environment.MachineName;

    public int EndLeftovers(string run, string step, int attempt) => ProcessRunner.EndLeftovers(run, step, attempt);

    private sealed class Watching(Wake wake) : IRunWatch
    {
        public ValueTask<bool> Wait(CancellationToken ct) => wake.Wait(ct);

        public void Dispose() => wake.Dispose();
    }
}
