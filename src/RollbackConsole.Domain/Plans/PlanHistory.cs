using RollbackConsole.Domain.Journal;

namespace RollbackConsole.Domain.Plans;

[EventKind("plan.version.added")]
public sealed record PlanVersionAdded(string Name, int Version, string Digest, Plan Plan, string Source, Person By, DateTimeOffset At) : IEvent;

/// <summary>The versions of one plan, by digest.</summary>
public sealed record PlanHistory(int Versions, string? NewestDigest, System.Collections.Immutable.ImmutableDictionary<string, int> ByDigest)
{
    public static readonly PlanHistory None = new(0, null, System.Collections.Immutable.ImmutableDictionary<string, int>.Empty);

    public static PlanHistory Apply(PlanHistory state, IEvent e) => e is PlanVersionAdded added
        ? new(added.Version, added.Digest, state.ByDigest.SetItem(added.Digest, added.Version))
        : throw new InvalidOperationException($"{e.GetType().Name} does not belong to a plan.");

    /// <summary>What is the newest already changes nothing. An earlier content again becomes the newest version: whoever imports it wants it in force.</summary>
    public static Decision Add(PlanHistory state, Plan plan, string digest, string source, Person by, DateTimeOffset at) =>
        state.NewestDigest == digest ? Decision.Accept() : Decision.Accept(new PlanVersionAdded(plan.Name, state.Versions + 1, digest, plan, source, by, at));
}
