using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Library;

namespace RollbackConsole.Domain.Plans;

[EventKind("plan.version.added")]
public sealed record PlanVersionAdded(string Name, int Version, string Digest, Plan Plan, string Source, Person By, DateTimeOffset At) : IEvent;

/// <summary>The versions of one plan.</summary>
public static class PlanHistory
{
    public static VersionHistory Apply(VersionHistory state, IEvent e) => e is PlanVersionAdded added
        ? state.With(added.Version, added.Digest)
        : throw new InvalidOperationException($"{e.GetType().Name} does not belong to a plan.");

    public static Decision Add(VersionHistory state, Plan plan, string digest, string source, Arrival arrival, Person by, DateTimeOffset at) =>
        state.Takes(digest, arrival) ? Decision.Accept(new PlanVersionAdded(plan.Name, state.Versions + 1, digest, plan, source, by, at)) : Decision.Accept();
}
