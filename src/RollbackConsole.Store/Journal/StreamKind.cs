using Npgsql;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Library;
using RollbackConsole.Domain.Runs;

namespace RollbackConsole.Store.Journal;

/// <summary>A kind of stream: how it is named, folded and projected.</summary>
/// <param name="Prefix">The name's part before the slash.</param>
/// <param name="Project">The read-model writes that belong into the same transaction, from the state after the events.</param>
public sealed record StreamKind<TState>(
    string Prefix, TState None, Func<TState, IEvent, TState> Apply, Func<TState, IReadOnlyList<IEvent>, IEnumerable<NpgsqlBatchCommand>> Project)
{
    public string Stream(string id) => Prefix + "/" + id;
}

/// <summary>Every stream kind of the journal.</summary>
public static class Streams
{
    public static readonly StreamKind<Incident> Incidents = new("incident", Incident.None, Incident.Apply, Store.Incidents.IncidentRows.Project);

    public static readonly StreamKind<Run> Runs = new("run", Run.None, Run.Apply, Store.Runs.RunRows.Project);

    public static readonly StreamKind<VersionHistory> Plans = new("plan", VersionHistory.None, Domain.Plans.PlanHistory.Apply, Store.Plans.PlanRows.Inserts);

    /// <summary>Catalog entries, matrices, escalations; the id is <c>kind/name</c>.</summary>
    public static readonly StreamKind<VersionHistory> Library = new("library", VersionHistory.None, DocumentHistory.Apply, Store.Library.LibraryRows.Inserts);

    /// <summary>Accounts, tokens, sign-ins: a record of what happened, with no state to decide on.</summary>
    public static readonly StreamKind<int> Access = new("access", 0, (count, _) => count + 1, (_, _) => []);

    public static readonly StreamKind<int> Drills = new("drill", 0, (count, _) => count + 1, (_, _) => []);
}
