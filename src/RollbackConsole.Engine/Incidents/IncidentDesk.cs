using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Store.Incidents;
using RollbackConsole.Store.Journal;

namespace RollbackConsole.Engine.Incidents;

/// <summary>What people do with incidents; every door asks for the permission.</summary>
public sealed class IncidentDesk(EventJournal journal, IncidentRows rows, TimeProvider time)
{
    /// <exception cref="RefusedException">No such incident.</exception>
    public async Task<Incident> Get(Actor actor, string id, CancellationToken ct = default)
    {
        actor.Require(Permission.See);
        var incident = (await journal.Load(Streams.Incidents, id, ct)).State;
        return incident.Exists ? incident : throw new RefusedException(RefusalKind.NotFound, "There is no such incident.");
    }

    public Task<Incident> Declare(Actor actor, string title, string service, string environment, Domain.Severity.Signals? signals, Level? severity, CancellationToken ct = default)
    {
        actor.Require(Permission.Respond);
        return Open(actor.Person, title, service, environment, signals, severity, ct);
    }

    /// <summary>Declares in the console's own name, because signals say so.</summary>
    internal Task<Incident> DeclareFromSignals(string title, string service, string environment, Domain.Severity.Signals signals, CancellationToken ct) =>
        Open(Person.Console, title, service, environment, signals, null, ct);

    internal Task<Incident> RaiseFromSignals(string id, Domain.Severity.Signals signals, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        return Execute(Person.Console, id, new Reclassify(signals, null, "The signals got worse.", Person.Console, now), now, ct);
    }

    public Task<Incident> TakeCommand(Actor actor, string id, CancellationToken ct = default)
    {
        actor.Require(Permission.Command);
        var now = time.GetUtcNow();
        return Execute(actor.Person, id, new AssignCommander(actor.Person, actor.Person, now), now, ct);
    }

    public Task<Incident> Reclassify(Actor actor, string id, Domain.Severity.Signals? signals, Level? severity, string? reason, CancellationToken ct = default)
    {
        actor.Require(Permission.Command);
        var now = time.GetUtcNow();
        return Execute(actor.Person, id, new Reclassify(signals, severity, reason, actor.Person, now), now, ct);
    }

    public Task<Incident> AddNote(Actor actor, string id, string text, CancellationToken ct = default)
    {
        actor.Require(Permission.Respond);
        var now = time.GetUtcNow();
        return Execute(actor.Person, id, new AddNote(text, actor.Person, now), now, ct);
    }

    public Task<Incident> Resolve(Actor actor, string id, string summary, CancellationToken ct = default)
    {
        actor.Require(Permission.Command);
        var now = time.GetUtcNow();
        return Execute(actor.Person, id, new ResolveIncident(summary, actor.Person, now), now, ct);
    }

    public Task<Incident> Close(Actor actor, string id, CancellationToken ct = default)
    {
        actor.Require(Permission.Command);
        var now = time.GetUtcNow();
        return Execute(actor.Person, id, new CloseIncident(actor.Person, now), now, ct);
    }

    private async Task<Incident> Open(Person by, string title, string service, string environment, Domain.Severity.Signals? signals, Level? severity, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var command = new DeclareIncident("inc-" + Guid.CreateVersion7().ToString("N"), 1, title, service, environment, signals, severity, by, now);
        // Refuse before a number is used up.
        if (IncidentDecider.Decide(Incident.None, command).Refusal is { } refusal) throw new RefusedException(refusal);
        return await Execute(by, command.Id, command with { Number = await rows.NextNumber(ct) }, now, ct);
    }

    private async Task<Incident> Execute(Person by, string id, IncidentCommand command, DateTimeOffset now, CancellationToken ct) =>
        (await journal.Execute(Streams.Incidents, id, s => IncidentDecider.Decide(s, command), by, now, ct)).State;
}
