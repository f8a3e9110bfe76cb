using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Approvals;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Engine.Runs;
using RollbackConsole.Store.Journal;

namespace RollbackConsole.Engine.Tests.Simulation;

/// <summary>One run's life, drawn from one seed: nodes that die, freeze, stop and come back, a network that loses and delays, wake-ups that come twice or never,
/// steps that fail, hang and survive their console, and people who press twice. The decider, the executor, the session and the lease are the product's own.</summary>
internal sealed class Life
{
    private static readonly Actor Commander = new("c", "Commander", [Role.Commander], []);
    private static readonly Actor[] Approvers = [new("a", "A", [Role.Approver], ["lead"]), new("b", "B", [Role.Approver], ["lead"]), new("d", "D", [Role.Approver], ["lead"]), new("e", "E", [Role.Approver], ["lead"]), new("f", "F", [Role.Approver], ["lead"]), new("c", "Commander", [Role.Commander, Role.Approver], ["lead"])];

    /// <summary>How long the world is cruel; after it nothing breaks any more, and everything has to come to an end.</summary>
    private static readonly TimeSpan Storm = TimeSpan.FromMinutes(2);

    private readonly VirtualWorld _world;
    private readonly InvariantWatch _watch = new();
    private readonly Targets _targets;
    private readonly MemoryStore _store;
    private readonly Node[] _nodes;
    private bool _quiet;

    private Life(int seed)
    {
        _world = new VirtualWorld(seed);
        _targets = new Targets(_world);
        _store = new MemoryStore(_world, _watch) { Targets = _targets, LostOfHundred = _world.Draw.Next(3) == 0 ? _world.Draw.Next(1, 15) : 0 };
        _nodes = [.. Enumerable.Range(1, _world.Draw.Next(1, 4)).Select(n => new Node(this, $"node:{n}"))];
    }

    /// <summary>Lives the life of a seed.</summary>
    /// <returns>What was broken, and which kinds of events happened.</returns>
    public static (IReadOnlyList<string> Broken, IReadOnlySet<string> Kinds, IReadOnlyList<IEvent> Events) Of(int seed)
    {
        var life = new Life(seed);
        life.Live();
        return (life._watch.Broken, life._watch.Kinds, life._store.Events);
    }

    private void Live()
    {
        var plan = RandomPlan();
        Press(s => RunDecider.Decide(s, new RequestRun("r", "i", new PlanVersion("plan", 1, "sha256:plan", plan), "shop", "production", new Dictionary<string, string>(), false, "because", Commander.Person, _world.Now, Policy())));
        foreach (var node in _nodes)
        {
            node.Boot();
            Trouble(node);
        }
        _targets.Launching = (node, step, attempt) => _watch.Hold(_store.State.Node == node && _store.State.Find(step) is { Status: StepStatus.Running } x && x.Attempt == attempt,
            $"2: {node} launched attempt {attempt} of '{step}' after the journal had given it to another");
        _store.Freeze = name => _nodes.First(n => n.Name == name).Freeze(_world.Between(100, 40_000));
        Somebody();
        _world.Later(Storm, () => { _quiet = true; _store.Cruel = false; _store.LostOfHundred = 0; });
        var ended = _world.Run(() => _store.State.Status == RunStatus.Finished);
        _watch.Hold(_world.Strayed is null, $"the life left its thread: {_world.Strayed}");
        _watch.Hold(ended, $"liveness: the run is left {_store.State.Status} after {_world.Ticks / TimeSpan.TicksPerSecond} s: {string.Join(", ", _store.State.Steps.Select(x => $"{x.Step.Id} {x.Status}"))}");
        foreach (var ((step, attempt), times) in _targets.Launches) _watch.Hold(times == 1, $"2: attempt {attempt} of '{step}' was launched {times} times");
        foreach (var step in _store.State.Steps)
        {
            _watch.Hold(step.Status != StepStatus.Succeeded || step.Step.Uses != "command/run" || _targets.Effects.GetValueOrDefault(step.Step.Id) > 0 || _store.Events.OfType<StepOutcomeSettled>().Any(o => o.Step == step.Step.Id), $"'{step.Step.Id}' counts as done, but never happened");
            // Only a person's word lets a once step happen again; what they found out by looking may have changed a moment later.
            _watch.Hold(step.Step.Effect == Effect.Idempotent || _targets.Effects.GetValueOrDefault(step.Step.Id) <= 1 + _store.Events.OfType<StepRetryOrdered>().Count(o => o.Step == step.Step.Id), $"2: the once step '{step.Step.Id}' happened {_targets.Effects.GetValueOrDefault(step.Step.Id)} times");
            // What was not journaled as a start never happened.
            _watch.Hold(_targets.Effects.GetValueOrDefault(step.Step.Id) <= step.Attempt, $"'{step.Step.Id}' happened more often than it was started");
        }
        _watch.Hold(_store.Lines.Count == _store.Lines.Distinct(StringComparer.Ordinal).Count(), "4: a line was stored twice");
        foreach (var f in _store.Events.OfType<StepFinished>().Where(f => f.Status is StepStatus.Succeeded && f.Summary == "done"))
            _watch.Hold(_store.Lines.Contains($"{f.Step}/{f.Attempt}"), $"4: '{f.Step}' ended before its lines were stored");
        var again = _store.Events.Select(e => EventKinds.FromJson(EventKinds.KindOf(e), EventKinds.ToJson(e))).Aggregate(Run.None, Run.Apply);
        _watch.Hold(again.Status == _store.State.Status && again.Outcome == _store.State.Outcome && again.Steps.Select(x => (x.Step.Id, x.Status, x.Attempt)).SequenceEqual(_store.State.Steps.Select(x => (x.Step.Id, x.Status, x.Attempt))), "5: the journal, read again, tells another story");
    }

    /// <summary>Decides on the present state and appends, as a page or call does; pressed twice now and then.</summary>
    private void Press(Func<Run, Decision> decide)
    {
        for (var times = _world.Draw.Next(8) == 0 ? 2 : 1; times > 0; times--)
            if (decide(_store.State) is { Refusal: null, Events.Count: > 0 } decision) _store.Append(_store.Events.Count, decision.Events, null);
    }

    private void Trouble(Node node)
    {
        if (_world.Draw.Next(3) == 0) return;
        _world.Later(_world.Between(50, 60_000), () =>
        {
            if (_quiet) return;
            switch (_world.Draw.Next(4))
            {
                case 0: node.Kill(); break;
                case 1: node.Freeze(_world.Between(100, 40_000)); break;
                case 2: node.Stop(); break;
                default: node.Kill(); node.Boot(); break;
            }
            Trouble(node);
        });
    }

    private void Somebody() => _world.Later(_quiet ? TimeSpan.FromSeconds(5) : _world.Between(100, 10_000), () =>
    {
        var now = _world.Now;
        var run = _store.State;
        var step = run.Steps[_world.Draw.Next(run.Steps.Length)];
        var blocked = run.Steps.FirstOrDefault(x => x.Blocks);
        var gate = run.Steps.FirstOrDefault(x => x.Status == StepStatus.Running && x.Step.Uses == Gates.Kind && x.Confirmed is null);
        var by = Commander.Person;
        // Once it is quiet, people do what is needed; before, whatever comes to their mind.
        RunCommand command = (_quiet, _world.Draw.Next(14)) switch
        {
            (true, _) when run.Status == RunStatus.AwaitingApproval => new DecideApproval(true, null, run.Digest, "", Approvers[_world.Draw.Next(5)], now),
            (true, _) when run.Status == RunStatus.Paused => new ResumeRun("go", by, now),
            (true, _) when gate is not null => new AnswerGate(gate.Step.Id, true, "fine", Approvers[_world.Draw.Next(5)], now),
            (true, _) when blocked?.Status == StepStatus.Unknown => new SettleOutcome(blocked.Step.Id, _targets.Effects.ContainsKey(blocked.Step.Id) ? StepStatus.Succeeded : StepStatus.Failed, "looked", by, now),
            (true, < 8) when blocked is not null => new SkipStep(blocked.Step.Id, "not needed", by, now),
            (true, < 11) when blocked is not null => new RetryStep(blocked.Step.Id, "again", by, now),
            (true, _) when blocked is not null => new RecoverRun("give up", by, now),
            (true, _) => new ClaimApproval(Approvers[0], now),
            (_, < 4) when run.Status == RunStatus.AwaitingApproval => new DecideApproval(_world.Draw.Next(12) > 0, null, _world.Draw.Next(8) == 0 ? "sha256:stale" : run.Digest, "why", Approvers[_world.Draw.Next(6)], now),
            (_, 4) when run.Status == RunStatus.AwaitingApproval => new BreakGlass("fire", run.Digest, by, now),
            (_, 0) => new PauseRun("wait", by, now),
            (_, 1 or 2) => new ResumeRun("go", by, now),
            (_, 3) => _world.Draw.Next(8) == 0 ? new AbortRun("stop", by, now) : new ResumeRun("go", by, now),
            (_, 4 or 5) => new RetryStep((blocked ?? step).Step.Id, "again", by, now),
            (_, 6) => new SkipStep((blocked ?? step).Step.Id, "not needed", by, now),
            (_, 7 or 8) => new SettleOutcome((blocked ?? step).Step.Id, _targets.Effects.ContainsKey((blocked ?? step).Step.Id) ? StepStatus.Succeeded : StepStatus.Failed, "looked", by, now),
            (_, 9) => new RecoverRun("give up", by, now),
            (_, 10 or 11) => new AnswerGate((gate ?? step).Step.Id, _world.Draw.Next(5) > 0, "said", Approvers[_world.Draw.Next(6)], now),
            (_, 12) => new RefreshPolicy(Policy(), now),
            _ => new ExpireRun(now),
        };
        Press(s => RunDecider.Decide(s, command));
        if (_store.State.Status == RunStatus.Queued) Wake();
        Somebody();
    });

    /// <summary>The scheduler's word: late, twice, to two nodes, or never.</summary>
    private void Wake()
    {
        for (var times = _world.Draw.Next(3); times > 0; times--)
        {
            var node = _nodes[_world.Draw.Next(_nodes.Length)];
            _world.Later(_world.Between(0, 500), node.Work);
        }
    }

    private PolicyVerdict Policy() => PolicyVerdict.Free with
    {
        Approvals = [new(Role.Approver, _world.Draw.Next(1, 3), true, ""), .. _world.Draw.Next(4) == 0 ? [new ApprovalRequirement("lead", 1, true, "", AtEnd: true)] : Array.Empty<ApprovalRequirement>()],
        BreakGlass = _world.Draw.Next(2) == 0,
        Expires = _world.Draw.Next(8) == 0 ? TimeSpan.FromSeconds(_world.Draw.Next(1, 200)) : null,
    };

    private Plan RandomPlan()
    {
        var steps = new List<PlanStep>();
        var count = 1 + _world.Draw.Next(7);
        for (var i = 0; i < count; i++)
        {
            var needs = _world.Draw.Next(2) == 0 && i > 0 ? [steps[^1].Id] : steps.Where(_ => _world.Draw.Next(4) == 0).Select(x => x.Id).ToArray();
            var effect = (Effect)_world.Draw.Next(2);
            steps.Add(Step($"s{i}", needs) with
            {
                Attempts = effect == Effect.Idempotent ? 1 + _world.Draw.Next(3) : 1,
                RetryDelay = TimeSpan.FromMilliseconds(_world.Draw.Next(1, 5000)),
                Effect = effect,
                Timeout = TimeSpan.FromSeconds(_world.Draw.Next(1, 40)),
                OnFailure = (OnFailure)_world.Draw.Next(3),
                Undo = _world.Draw.Next(2) == 0 ? Step($"undo-s{i}") : null,
                Probe = _world.Draw.Next(3) == 0 ? Step($"probe-s{i}") : null,
                If = _world.Draw.Next(10) == 0 ? "false" : null,
            });
        }
        if (_world.Draw.Next(5) == 0) steps.Add(Step("gate", steps[^1].Id) with { Uses = Gates.Kind, With = new JsonObject { ["group"] = "lead" }, Timeout = TimeSpan.FromDays(1), Effect = Effect.Idempotent });
        return new Plan("plan", "Plan", "shop", Risk.Modification, null, "none", [], steps, _world.Draw.Next(3) == 0 ? [Step("check")] : [], null,
            _world.Draw.Next(3) == 0 ? [Step("recover"), Step("recover-more")] : [], null, _world.Draw.Next(2) == 0 ? [Step("alarm"), Step("shut")] : null);
    }

    private static PlanStep Step(string id, params string[] needs) =>
        new(id, id, "command/run", [], needs, TimeSpan.FromSeconds(70), 1, TimeSpan.FromSeconds(1), Effect.Once, OnFailure.Stop, null);

    /// <summary>A console: a place for its code, its executor, and a reconciler that looks for runs nobody holds.</summary>
    private sealed class Node(Life life, string name)
    {
        public string Name => name;
        private VirtualWorld.Place _place = null!;
        private RunExecutor _executor = null!;
        private CancellationTokenSource _shutdown = null!;
        private int _working;

        public void Boot()
        {
            var place = _place = new VirtualWorld.Place(life._world);
            _shutdown = new CancellationTokenSource();
            _working = 0;
            _executor = new RunExecutor(life._store.For(name, place), life._targets.For(name, place), new EngineFolders(name, "/nowhere"),
                Options.Create(new EngineOptions { LeaseLength = TimeSpan.FromSeconds(6), HandOverWithin = TimeSpan.FromSeconds(4) }), place.Clock, NullLogger<RunExecutor>.Instance);
            Reconcile(place);
        }

        public void Work() => Begin(_place);

        /// <summary>SIGKILL: nothing of it runs on, but its processes do. It comes back later.</summary>
        public void Kill()
        {
            _place.Dead = true;
            ComeBack();
        }

        public void Freeze(TimeSpan length)
        {
            var place = _place;
            place.Freeze();
            life._world.Later(length, place.Thaw);
        }

        public void Stop()
        {
            var (place, shutdown) = (_place, _shutdown);
            place.Post(_ => shutdown.Cancel(), null);
            // The host's own patience; then the process is gone, one way or the other.
            life._world.Later(TimeSpan.FromSeconds(20), () =>
            {
                if (_place != place || place.Dead) return;
                place.Dead = true;
                ComeBack();
            });
        }

        private void ComeBack() => life._world.Later(life._world.Between(100, 30_000), () => { if (_place.Dead) Boot(); });

        private void Reconcile(VirtualWorld.Place place) => place.Clock.CreateTimer(_ =>
        {
            life.Press(s => RunDecider.Decide(s, new ExpireRun(life._world.Now)));
            if (life._store.Unheld && !_shutdown.IsCancellationRequested) Begin(place);
            if (!place.Dead) Reconcile(place);
        }, null, TimeSpan.FromSeconds(2), Timeout.InfiniteTimeSpan);

        private void Begin(VirtualWorld.Place place) => place.Post(_ => _ = Execute(place), null);

        private async Task Execute(VirtualWorld.Place place)
        {
            if (place != _place || place.Dead || _working > 20) return;
            _working++;
            try
            {
                await _executor.Execute("r", _shutdown.Token);
            }
            catch (Exception e) when (e is Npgsql.NpgsqlException or VersionConflictException or OperationCanceledException or InvalidOperationException)
            {
                // What the job logs: the reconciler wakes the run again.
            }
            catch (Exception e)
            {
                life._watch.Hold(false, $"the executor threw {e}");
            }
            finally
            {
                _working--;
            }
        }
    }
}
