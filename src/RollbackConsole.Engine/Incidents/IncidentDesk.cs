using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Engine.Access;
using RollbackConsole.Engine.Catalog;
using RollbackConsole.Engine.Severity;
using RollbackConsole.Store.Incidents;
using RollbackConsole.Store.Journal;
using RollbackConsole.Store.Runs;

namespace RollbackConsole.Engine.Incidents;

/// <summary>What people do with incidents; every door asks for the permission.</summary>
public sealed class IncidentDesk(EventJournal journal, IncidentRows rows, RunRows runs, SeverityDesk severities, CatalogDesk catalog, TenantWall wall, TimeProvider time)
{
    /// <exception cref="RefusedException">No such incident.</exception>
    public async Task<Incident> Get(Actor actor, string id, CancellationToken ct = default)
    {
        actor.Require(Permission.See);
        var incident = (await journal.Load(Streams.Incidents, id, ct)).State;
        if (!incident.Exists) throw new RefusedException(RefusalKind.NotFound, "There is no such incident.");
        await wall.Require(actor, incident.Service, "incident", ct);
        return incident;
    }

    public async Task<Incident> Declare(Actor actor, string title, string service, string environment, SignalSet? signals, Level? severity, CancellationToken ct = default)
    {
        actor.Require(Permission.Respond);
        await wall.Require(actor, service.Trim(), "service", ct);
        return await Open(actor.Person, title, service, environment, signals, await severities.Classify(signals, severity, service.Trim(), ct), ct);
    }

    /// <summary>Declares in the console's own name, because monitoring says so.</summary>
    internal Task<Incident> DeclareFromMonitoring(string title, string service, string environment, SignalSet? signals, Classification classification, CancellationToken ct) =>
        Open(Person.Console, title, service, environment, signals, classification, ct);

    internal Task<Incident> RaiseFromMonitoring(string id, SignalSet? signals, Classification classification, string reason, CancellationToken ct) =>
        Execute(Person.Console, id, now => new Raise(signals, classification, reason, Person.Console, now), ct);

    /// <summary>What the passing of time brings; nothing, when another node was quicker.</summary>
    internal Task<Incident> LetTimePass(string id, bool symptomSeen, IReadOnlySet<string> alertsFiring, CancellationToken ct) => Execute(Person.Console, id, now => new LetTimePass(symptomSeen, alertsFiring, now), ct);

    internal Task<Incident> Tell(string id, Func<DateTimeOffset, IncidentCommand> command, CancellationToken ct) => Execute(Person.Console, id, command, ct);

    public Task<Incident> TakeCommand(Actor actor, string id, CancellationToken ct = default) => Command(actor, id, now => new AssignCommander(actor.Person, actor.Person, now), ct);

    /// <summary>Gives command to somebody else. Whoever has it may hand it over; so may any commander when it lies with nobody who answers.</summary>
    public Task<Incident> HandOver(Actor actor, string id, Person to, CancellationToken ct = default) => Command(actor, id, now => new AssignCommander(to, actor.Person, now), ct);

    public Task<Incident> Assign(Actor actor, string id, IncidentRole role, Person? holder, CancellationToken ct = default) => Respond(actor, id, now => new AssignRole(role, holder, actor.Person, now), ct);

    public async Task<Incident> Reclassify(Actor actor, string id, SignalSet? signals, Level? severity, string? reason, CancellationToken ct = default)
    {
        actor.Require(Permission.Command);
        var incident = await Get(actor, id, ct);
        var classification = await severities.Classify(signals, severity, incident.Service, ct);
        return await Execute(actor.Person, id, now => new Reclassify(signals, classification, reason, actor.Person, now), ct);
    }

    /// <summary>Roll back, fix forward, or hold: with a reason, on record.</summary>
    public Task<Incident> Decide(Actor actor, string id, Choice choice, string reason, TimeSpan? hold, CancellationToken ct = default) =>
        Command(actor, id, now => new DecideIncident(choice, reason, hold, actor.Person, now), ct);

    public Task<Incident> Acknowledge(Actor actor, string id, CancellationToken ct = default) => Respond(actor, id, now => new Acknowledge(actor.Person, now), ct);

    public Task<Incident> MarkSymptomGone(Actor actor, string id, string reason, CancellationToken ct = default) => Respond(actor, id, now => new MarkSymptomGone(reason, actor.Person, now), ct);

    public Task<Incident> AddNote(Actor actor, string id, string text, CancellationToken ct = default) => Respond(actor, id, now => new AddNote(text, actor.Person, now), ct);

    public Task<Incident> Check(Actor actor, string id, ItemList list, string item, string text, CancellationToken ct = default) => Respond(actor, id, now => new CheckItem(list, item, text, actor.Person, now), ct);

    /// <exception cref="RefusedException">The row is not one of this incident's timeline.</exception>
    public async Task<Incident> Pin(Actor actor, string id, long position, bool pinned, CancellationToken ct = default)
    {
        actor.Require(Permission.Respond);
        await Get(actor, id, ct);
        if (pinned && !await rows.HasRow(id, position, ct)) throw new RefusedException(RefusalKind.NotFound, "This incident's timeline has no such row.", "position");
        return await Execute(actor.Person, id, now => new PinRow(position, pinned, actor.Person, now), ct);
    }

    /// <summary>Says what came of looking at a run that was started without approval.</summary>
    public async Task<Incident> Review(Actor actor, string id, string run, string findings, CancellationToken ct = default)
    {
        actor.Require(Permission.See);
        if (!actor.Can(Permission.Approve) && !actor.Can(Permission.Command)) actor.Require(Permission.Approve);
        await Get(actor, id, ct);
        // Whoever asked for it wanted it: the second pair of eyes that was gone without is a third person's.
        if ((await journal.Load(Streams.Runs, run, ct)).State.RequestedBy?.IsSameHuman(actor.Person) == true)
            throw new RefusedException(RefusalKind.Forbidden, "You asked for this run; another person has to look at it.");
        return await Execute(actor.Person, id, now => new ReviewBreakGlass(run, findings, actor.Person, now), ct);
    }

    public Task<Incident> Resolve(Actor actor, string id, string summary, CancellationToken ct = default) => Command(actor, id, now => new ResolveIncident(summary, actor.Person, now), ct);

    /// <exception cref="RefusedException">A run of the incident is not over: what still may start, or works, has to be ended first.</exception>
    public async Task<Incident> Close(Actor actor, string id, CancellationToken ct = default)
    {
        actor.Require(Permission.Command);
        await Get(actor, id, ct);
        while (true)
        {
            var loaded = await journal.Load(Streams.Incidents, id, ct);
            // Looked at after the incident was read: whoever asks for a run meanwhile appends to it, and this append is refused and looks again.
            if ((await runs.Unfinished(id, ct)).FirstOrDefault() is { } open)
                throw new RefusedException(RefusalKind.Conflict, $"'{open.Title}' is not over ({(open.Status == RunStatus.AwaitingApproval ? "it waits for approval" : open.StartedAt is null ? "it waits for its start" : "it has begun")}); incident {loaded.State.Number} closes when it has ended or was taken back.");
            var now = time.GetUtcNow();
            var decision = IncidentDecider.Decide(loaded.State, new CloseIncident(actor.Person, now));
            if (decision.Refusal is { } refusal) throw new RefusedException(refusal);
            try
            {
                return (await journal.Append(Streams.Incidents, id, loaded, decision.Events, actor.Person, now, ct)).State;
            }
            catch (VersionConflictException)
            {
                // Something was appended in between.
            }
        }
    }

    private async Task<Incident> Respond(Actor actor, string id, Func<DateTimeOffset, IncidentCommand> command, CancellationToken ct)
    {
        actor.Require(Permission.Respond);
        await Get(actor, id, ct);
        return await Execute(actor.Person, id, command, ct);
    }

    private async Task<Incident> Command(Actor actor, string id, Func<DateTimeOffset, IncidentCommand> command, CancellationToken ct)
    {
        actor.Require(Permission.Command);
        await Get(actor, id, ct);
        return await Execute(actor.Person, id, command, ct);
    }

    private async Task<Incident> Open(Person by, string title, string service, string environment, SignalSet? signals, Classification? classification, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var command = new DeclareIncident("inc-" + Guid.CreateVersion7().ToString("N"), 1, title, service, environment, signals, classification, await catalog.Escalation(service.Trim(), ct), by, now);
        // Refuse before a number is used up.
        if (IncidentDecider.Decide(Incident.None, command).Refusal is { } refusal) throw new RefusedException(refusal);
        command = command with { Number = await rows.NextNumber(ct) };
        return (await journal.Execute(Streams.Incidents, command.Id, s => IncidentDecider.Decide(s, command), by, now, ct)).State;
    }

    private async Task<Incident> Execute(Person by, string id, Func<DateTimeOffset, IncidentCommand> command, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        return (await journal.Execute(Streams.Incidents, id, s => IncidentDecider.Decide(s, command(now)), by, now, ct)).State;
    }
}
