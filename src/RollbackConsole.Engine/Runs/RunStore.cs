using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Steps;
using RollbackConsole.Store.Journal;

namespace RollbackConsole.Engine.Runs;

/// <summary>Everything that the engine's loop needs from outside: journal, lease, log and wake-ups. PostgreSQL stands behind it here;
/// the simulation puts memory behind it, so that the very same loop goes through a hundred thousand lives.</summary>
public interface IRunStore
{
    Task<Loaded<Run>> Load(string id, CancellationToken ct);

    /// <summary>The state after whatever was appended since.</summary>
    Task<Loaded<Run>> Catch(string id, Loaded<Run> from, CancellationToken ct);

    /// <exception cref="VersionConflictException">Somebody else appended first; nothing was written.</exception>
    Task<Loaded<Run>> Append(string id, Loaded<Run> at, IReadOnlyList<IEvent> events, DateTimeOffset time, CancellationToken ct);

    Task<Incident> Incident(string id, CancellationToken ct);

    Task<bool> TryTake(string run, string node, int epoch, TimeSpan length, CancellationToken ct);

    Task<bool> Renew(string run, int epoch, TimeSpan length, CancellationToken ct);

    Task Release(string run, int epoch, CancellationToken ct);

    /// <param name="lost">Cancelled when the run is let go.</param>
    Task<IRunLog> OpenLog(string run, int epoch, CancellationToken lost);

    IRunWatch Watch(string run);

    /// <summary>The machine on which <see cref="EndLeftovers"/> can end something.</summary>
    string Host { get; }

    /// <summary>Ends what an interrupted attempt left running on this machine.</summary>
    int EndLeftovers(string run, string step, int attempt);
}

/// <summary>Wake-ups about one run.</summary>
public interface IRunWatch : IDisposable
{
    ValueTask<bool> Wait(CancellationToken ct);
}

/// <summary>The lines of one run under one lease.</summary>
public interface IRunLog : IAsyncDisposable
{
    IAttemptLog For(string step, int attempt);
}

/// <summary>The lines of one attempt.</summary>
public interface IAttemptLog : IStepLog
{
    /// <summary>Returns when every line of this attempt is stored: only then may its end be journaled.</summary>
    Task Flush();
}

/// <summary>What does a step's work.</summary>
public interface IStepRunner
{
    /// <summary>Can the target be asked whether an interrupted attempt took effect? Null when not; true when its "no" holds wherever the attempt's process may still be.</summary>
    bool? CanProbe(Run run, StepState step);

    /// <param name="abort">A person ended the run.</param>
    /// <param name="stop">This node must let go of the run: no result is known then.</param>
    /// <exception cref="OperationCanceledException"><paramref name="stop"/> was cancelled.</exception>
    Task<StepResult> Run(Run run, Incident incident, StepState step, IStepLog lines, Task<StepConfirmed> confirmation, CancellationToken abort, CancellationToken stop);

    Task<(ProbeFinding Finding, string Summary)> Probe(Run run, Incident incident, StepState step, IStepLog lines, CancellationToken stop);
}
