using Npgsql;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Engine.Runs;
using RollbackConsole.Store.Journal;
using RollbackConsole.Store.Runs;

namespace RollbackConsole.Engine.Tests.Simulation;

/// <summary>One run's journal, lease and lines in memory, behind a network that is slow, loses questions and answers, and delivers late.
/// It stands for PostgreSQL, which the crash tests use for real.</summary>
internal sealed class MemoryStore(VirtualWorld world, InvariantWatch watch)
{
    private readonly List<IEvent> _events = [];
    private readonly List<Watching> _watching = [];
    private readonly HashSet<string> _batches = new(StringComparer.Ordinal);
    private (string Node, int Epoch, long Until)? _lease;

    public Run State { get; private set; } = Run.None;
    public IReadOnlyList<IEvent> Events => _events;
    public List<string> Lines { get; } = [];

    /// <summary>Questions that get no answer, of a hundred; nothing is lost any more once the world is quiet.</summary>
    public int LostOfHundred { get; set; }

    public bool Cruel { get; set; } = true;
    public Action<string> Freeze { get; set; } = _ => { };

    public bool Unheld => State.Live && (_lease is not { } l || l.Until < world.Ticks);

    /// <summary>Appends now, as a transaction does.</summary>
    /// <param name="node">The node that appends; null for a person.</param>
    public void Append(int version, IReadOnlyList<IEvent> events, string? node)
    {
        if (version != _events.Count) throw new VersionConflictException("stale", new InvalidOperationException());
        foreach (var e in events)
        {
            var before = State;
            State = Run.Apply(State, e);
            _events.Add(e);
            watch.Saw(before, e, State, node);
        }
        // The worst moment to freeze: the start is journaled, and the process not launched yet.
        if (node is not null && Cruel && events.Any(e => e is StepStarted) && world.Draw.Next(40) == 0) Freeze(node);
        foreach (var watching in _watching.ToList())
            if (world.Draw.Next(10) > 0) world.Later(world.Between(0, 50), watching.Wake);
    }

    public IRunStore For(string node, VirtualWorld.Place place) => new NodeStore(this, node, place);

    /// <summary>A call over the network.</summary>
    private Task<T> Call<T>(Func<T> work, CancellationToken ct)
    {
        var answer = new TaskCompletionSource<T>();
        ct.UnsafeRegister(static s => ((TaskCompletionSource<T>)s!).TrySetCanceled(), answer);
        var lost = world.Draw.Next(100) < LostOfHundred ? world.Draw.Next(1, 3) : 0;
        world.Later(world.Between(0.1, 5), () =>
        {
            if (answer.Task.IsCompleted && world.Draw.Next(2) == 0) return;
            if (lost == 1) { answer.TrySetException(new NpgsqlException("the question was lost")); return; }
            try
            {
                var result = work();
                world.Later(world.Between(0.1, 5), () => { if (lost == 2) answer.TrySetException(new NpgsqlException("the answer was lost")); else answer.TrySetResult(result); });
            }
            catch (Exception e) when (e is VersionConflictException or LeaseLostException)
            {
                answer.TrySetException(e);
            }
        });
        return answer.Task;
    }

    private sealed class NodeStore(MemoryStore store, string node, VirtualWorld.Place place) : IRunStore
    {
        public Task<Loaded<Run>> Load(string id, CancellationToken ct) => store.Call(() => new Loaded<Run>(store.State, store._events.Count), ct);

        public Task<Loaded<Run>> Catch(string id, Loaded<Run> from, CancellationToken ct) => Load(id, ct);

        public Task<Loaded<Run>> Append(string id, Loaded<Run> at, IReadOnlyList<IEvent> events, DateTimeOffset time, CancellationToken ct) => events.Count == 0 ? Task.FromResult(at) : store.Call(() =>
        {
            store.Append(at.Version, events, node);
            return new Loaded<Run>(store.State, store._events.Count);
        }, ct);

        public Task<Incident> Incident(string id, CancellationToken ct) => Task.FromResult(Domain.Incidents.Incident.None);

        public Task<bool> TryTake(string run, string by, int epoch, TimeSpan length, CancellationToken ct) => store.Call(() =>
        {
            if (store._lease is { } held && held.Until >= store.World.Ticks && !(held.Node == by && held.Epoch < epoch)) return false;
            store._lease = (by, epoch, store.World.Ticks + length.Ticks);
            return true;
        }, ct);

        public Task<bool> Renew(string run, int epoch, TimeSpan length, CancellationToken ct) => store.Call(() =>
        {
            if (store._lease is not { } held || held.Node != node || held.Epoch != epoch) return false;
            store._lease = held with { Until = store.World.Ticks + length.Ticks };
            return true;
        }, ct);

        public Task Release(string run, int epoch, CancellationToken ct) => store.Call(() =>
        {
            if (store._lease is { } held && held.Epoch == epoch && held.Node == node) store._lease = held with { Until = store.World.Ticks - 1 };
            return true;
        }, ct);

        public Task<IRunLog> OpenLog(string run, int epoch, CancellationToken lost) => Task.FromResult<IRunLog>(new Log(store, node, epoch, lost));

        public IRunWatch Watch(string run)
        {
            var watching = new Watching(store, place);
            store._watching.Add(watching);
            return watching;
        }

        public string Host => node;

        public int EndLeftovers(string run, string step, int attempt) => store.Targets.EndProcesses(node, step, attempt);
    }

    private VirtualWorld World => world;

    public required Targets Targets { get; init; }

    private sealed class Log(MemoryStore store, string node, int epoch, CancellationToken lost) : IRunLog
    {
        public IAttemptLog For(string step, int attempt) => new AttemptLog(store, node, epoch, lost);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    private sealed class AttemptLog(MemoryStore store, string node, int epoch, CancellationToken lost) : IAttemptLog
    {
        private readonly List<string> _waiting = [];

        public ValueTask Write(string stream, string text)
        {
            _waiting.Add(text);
            return ValueTask.CompletedTask;
        }

        public async Task Flush()
        {
            while (_waiting.Count > 0)
            {
                var batch = _waiting.ToList();
                try
                {
                    await store.Call(() =>
                    {
                        if (store._lease is not { } held || held.Epoch != epoch || held.Node != node) throw new LeaseLostException("r");
                        // A batch whose answer was lost is there already.
                        if (store._batches.Add(batch[0])) store.Lines.AddRange(batch);
                        return true;
                    }, lost);
                    _waiting.RemoveRange(0, batch.Count);
                }
                catch (NpgsqlException)
                {
                    await Task.Delay(TimeSpan.FromMilliseconds(100), store.World.Outside.Clock, lost);
                }
            }
        }
    }

    private sealed class Watching(MemoryStore store, VirtualWorld.Place place) : IRunWatch
    {
        private static readonly TimeSpan PollEvery = TimeSpan.FromSeconds(2);
        private TaskCompletionSource<bool>? _waiting;
        private bool _woken;

        public void Wake()
        {
            if (_waiting is { } waiting) { _waiting = null; waiting.TrySetResult(true); }
            else _woken = true;
        }

        public async ValueTask<bool> Wait(CancellationToken ct)
        {
            if (_woken) { _woken = false; return true; }
            var waiting = _waiting = new TaskCompletionSource<bool>();
            using var registration = ct.UnsafeRegister(static s => ((TaskCompletionSource<bool>)s!).TrySetCanceled(), waiting);
            using var poll = place.Clock.CreateTimer(_ => Wake(), null, PollEvery, Timeout.InfiniteTimeSpan);
            return await waiting.Task;
        }

        public void Dispose() => store._watching.Remove(this);
    }
}
