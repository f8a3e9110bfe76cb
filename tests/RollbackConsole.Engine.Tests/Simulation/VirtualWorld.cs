namespace RollbackConsole.Engine.Tests.Simulation;

/// <summary>One thread, one clock and one seed for everything: the order in which things happen is drawn, and the same seed draws the same order.</summary>
internal sealed class VirtualWorld(int seed)
{
    /// <summary>A life that takes more turns than this goes in circles.</summary>
    private const int MostTurns = 60_000;

    private readonly List<(Place Place, SendOrPostCallback Do, object? State)> _ready = [];
    private readonly PriorityQueue<Alarm, (long Due, int Order)> _alarms = new();
    private int _order;
    private int _turns;
    private int? _thread;

    public Random Draw { get; } = new(seed);

    public long Ticks { get; private set; }

    /// <summary>Where something left the one thread; null as it should be.</summary>
    public string? Strayed { get; private set; }

    public DateTimeOffset Now => DateTimeOffset.UnixEpoch.AddYears(56).AddTicks(Ticks);

    /// <summary>What is not on any node: the database, the network, the people.</summary>
    public Place Outside => field ??= new Place(this);

    /// <summary>Runs until <paramref name="done"/>, or until nothing can happen any more.</summary>
    public bool Run(Func<bool> done)
    {
        _thread = Environment.CurrentManagedThreadId;
        var before = SynchronizationContext.Current;
        try
        {
            while (!done())
            {
                if (++_turns > MostTurns) return false;
                if (_ready.Count > 0)
                {
                    // Mostly in order, as machines do, but any order is possible.
                    var at = Draw.Next(4) == 0 ? Draw.Next(_ready.Count) : 0;
                    var (place, work, state) = _ready[at];
                    _ready.RemoveAt(at);
                    if (place.Dead) continue;
                    if (place.Frozen) { place.Held.Add((work, state)); continue; }
                    SynchronizationContext.SetSynchronizationContext(place);
                    work(state);
                }
                else if (_alarms.TryDequeue(out var alarm, out var key))
                {
                    if (alarm.Cancelled || alarm.Place.Dead) continue;
                    Ticks = Math.Max(Ticks, key.Due);
                    alarm.Fire();
                }
                else return false;
            }
            return true;
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    /// <summary>Does something later, outside of every node.</summary>
    public void Later(TimeSpan after, Action work) => Set(new Alarm(Outside, work), after);

    public TimeSpan Between(double least, double most) => TimeSpan.FromMilliseconds(least + (Draw.NextDouble() * (most - least)));

    private void Set(Alarm alarm, TimeSpan after) => _alarms.Enqueue(alarm, (Ticks + Math.Max(0, after.Ticks), _order++));

    private sealed class Alarm(Place place, Action work)
    {
        public Place Place => place;
        public bool Cancelled { get; set; }
        public void Fire() => place.Post(_ => { if (!Cancelled) work(); }, null);
    }

    /// <summary>Where code runs: a node, which can die or freeze between any two of its turns, or the world outside.</summary>
    internal sealed class Place(VirtualWorld world) : SynchronizationContext
    {
        public bool Dead { get; set; }
        public bool Frozen { get; private set; }
        public List<(SendOrPostCallback, object?)> Held { get; } = [];
        public TimeProvider Clock => field ??= new VirtualClock(world, this);

        public override void Post(SendOrPostCallback d, object? state)
        {
            // Whatever comes by another thread comes when that thread likes: the same seed would live another life.
            if (world._thread is { } home && home != Environment.CurrentManagedThreadId) world.Strayed = Environment.StackTrace;
            else world._ready.Add((this, d, state));
        }

        public override void Send(SendOrPostCallback d, object? state) => throw new NotSupportedException();

        public override SynchronizationContext CreateCopy() => this;

        public void Freeze() => Frozen = true;

        public void Thaw()
        {
            Frozen = false;
            foreach (var (work, state) in Held) Post(work, state);
            Held.Clear();
        }
    }

    private sealed class VirtualClock(VirtualWorld world, Place place) : TimeProvider
    {
        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override DateTimeOffset GetUtcNow() => world.Now;

        public override long GetTimestamp() => world.Ticks;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = new VirtualTimer(world, place, callback, state);
            timer.Change(dueTime, period);
            return timer;
        }
    }

    private sealed class VirtualTimer(VirtualWorld world, Place place, TimerCallback callback, object? state) : ITimer
    {
        private Alarm? _alarm;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            if (period != Timeout.InfiniteTimeSpan) throw new NotSupportedException("The engine uses no periodic timer.");
            _alarm?.Cancelled = true;
            _alarm = null;
            if (dueTime == Timeout.InfiniteTimeSpan) return true;
            _alarm = new Alarm(place, () => callback(state));
            world.Set(_alarm, dueTime);
            return true;
        }

        public void Dispose() => _alarm?.Cancelled = true;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
