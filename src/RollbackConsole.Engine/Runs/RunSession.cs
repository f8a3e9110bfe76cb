using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Npgsql;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Store;
using RollbackConsole.Store.Journal;
using RollbackConsole.Store.Runs;

namespace RollbackConsole.Engine.Runs;

/// <summary>One holding of one run under one epoch.</summary>
/// <remarks>Nothing here goes to the thread pool by itself: whoever provides the synchronization context decides the order, which is what lets the simulation live a life again from its seed.</remarks>
/// <param name="drain">The node stops in good order: what runs may end, nothing new starts.</param>
/// <param name="stop">The run must be let go now.</param>
internal sealed class RunSession(RunSession.Parts engine, RunLease lease, string runId, int epoch, CancellationToken drain, CancellationToken stop)
{
    /// <summary>What a session works with.</summary>
    internal sealed record Parts(IRunStore Store, IStepRunner Steps, string Node, TimeProvider Time, ILogger Log);

    private readonly Channel<Ended> _done = Channel.CreateUnbounded<Ended>(new UnboundedChannelOptions { SingleReader = true, AllowSynchronousContinuations = true });
    private readonly Dictionary<string, Running> _running = new(StringComparer.Ordinal);

    /// <summary>A retry that is due waits at least this long, so that no state can turn the wait into a spin.</summary>
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(50);

    private static readonly TimeSpan Settle = TimeSpan.FromMilliseconds(20);

    private readonly CancellationTokenSource _abort = new();

    /// <summary>The session is over, whatever the reason: what still runs is left to whoever comes next.</summary>
    private readonly CancellationTokenSource _over = CancellationTokenSource.CreateLinkedTokenSource(stop);
    private Loaded<Run> _run = null!;
    private Incident _incident = null!;
    private IRunLog _lines = null!;

    public async Task Work(Loaded<Run> loaded)
    {
        _run = loaded;
        using var changed = engine.Store.Watch(runId);
        // Before the journal says that these steps are over: after it, nobody would look for their processes again.
        var left = loaded.State.Steps.Where(s => s.Status == StepStatus.Running)
            .Select(s => (Step: s, Ended: engine.Store.EndLeftovers(runId, s.Step.Id, s.Attempt))).Where(x => x.Ended > 0).ToList();
        await Append(s => new LeaseRun(engine.Node, Now, s.Steps.Where(x => x.Status == StepStatus.Running).Select(x => (x.Step.Id, Can: engine.Steps.CanProbe(s, x))).Where(x => x.Can is not null).ToDictionary(x => x.Id, x => x.Can!.Value, StringComparer.Ordinal), engine.Store.Host));
        if (_run.State.Status == RunStatus.Finished) return;
        if (_run.State.Epoch != epoch) throw new LeaseLostException(runId);
        _incident = await engine.Store.Incident(_run.State.IncidentId, stop);
        _lines = await engine.Store.OpenLog(runId, epoch, stop);
        try
        {
            foreach (var (step, ended) in left)
                await _lines.For(step.Step.Id, step.Attempt).Write("console", $"The console was killed while this attempt ran; {ended} of its processes were still running and were ended.");
            if (!drain.IsCancellationRequested) await Append(_ => new AdvanceRun(epoch, Now));
            await Loop(changed);
        }
        finally
        {
            _over.Cancel();
            await Task.WhenAll(_running.Values.Select(r => r.Task));
            await _lines.DisposeAsync();
            _abort.Dispose();
            _over.Dispose();
        }
    }

    private DateTimeOffset Now => engine.Time.GetUtcNow();

    private async Task Loop(IRunWatch changed)
    {
        var woken = Woken(changed);
        // What a token cancels goes through the thread pool before it wakes anybody; this task is completed where the token is.
        var (draining, stopped) = (Cancelled(drain), Cancelled(stop));
        var finished = _done.Reader.WaitToReadAsync(CancellationToken.None).AsTask();
        while (_run.State.Status != RunStatus.Finished)
        {
            await StartSteps();
            if (draining.IsCompleted && LeftToWaitFor.Count == 0)
            {
                // What still runs only waits for people, and may wait for them on another node.
                if (_running.Count == 0) await Append(_ => new HandOver(epoch, Now));
                return;
            }
            using var timer = new CancellationTokenSource();
            await Task.WhenAny(draining.IsCompleted ? [finished, woken, stopped] : [finished, woken, stopped, draining, NextRetry(timer.Token)]);
            timer.Cancel();
            stop.ThrowIfCancellationRequested();
            while (_done.Reader.TryRead(out var done))
            {
                _running.Remove(done.Step);
                await Append(_ => done.Probe is { } probe
                    ? new FinishProbe(epoch, done.Step, done.Attempt, probe.Finding, probe.Summary, Now, GoOn: !drain.IsCancellationRequested)
                    : new FinishStep(epoch, done.Step, done.Attempt, done.Result!, Now, GoOn: !drain.IsCancellationRequested));
                await StartSteps();
            }
            if (finished.IsCompleted)
            {
                // Throws when a step could not be brought to an end here: the session ends, and the run is taken anew.
                await finished;
                finished = _done.Reader.WaitToReadAsync(CancellationToken.None).AsTask();
            }
            if (woken.IsCompleted)
            {
                woken = Woken(changed);
                await Retrying(async () => _run = await engine.Store.Catch(runId, _run, stop));
            }
            if (!drain.IsCancellationRequested) await Append(_ => new AdvanceRun(epoch, Now));
        }
    }

    /// <summary>Steps whose work would be lost when this node went away now.</summary>
    private List<StepState> LeftToWaitFor => [.. _run.State.Steps.Where(s => _running.ContainsKey(s.Step.Id) && s.Step.Uses is not (Gates.Kind or "confirm/checklist"))];

    private static Task Cancelled(CancellationToken token)
    {
        var cancelled = new TaskCompletionSource();
        token.UnsafeRegister(static s => ((TaskCompletionSource)s!).TrySetResult(), cancelled);
        return cancelled.Task;
    }

    /// <summary>Our own appends wake us as well; waiting a moment makes one look of many, and a person's word loses nothing by it.</summary>
    private async Task Woken(IRunWatch changed)
    {
        await changed.Wait(stop);
        await Task.Delay(Settle, engine.Time, stop);
    }

    /// <summary>Brings what runs here in line with what the journal says should run.</summary>
    private async Task StartSteps()
    {
        if (_run.State.Status == RunStatus.Aborting) _abort.Cancel();
        foreach (var step in _run.State.Steps.Where(s => s.Status == StepStatus.Running))
        {
            if (!_running.TryGetValue(step.Step.Id, out var running))
            {
                // This process may have been frozen since the append: then another node has the run, and this attempt is over.
                var ours = false;
                await Retrying(async () => ours = await lease.IsOurs(stop));
                if (!ours) throw new LeaseLostException(runId);
                running = new Running(new TaskCompletionSource<StepConfirmed>());
                _running.Add(step.Step.Id, running);
                running.Task = RunStep(step, running.Confirmation.Task);
            }
            if (step.Confirmed is { } confirmed) running.Confirmation.TrySetResult(confirmed);
        }
    }

    private async Task RunStep(StepState step, Task<StepConfirmed> confirmation)
    {
        // Off the loop: a step may work before it first waits.
        await Task.Yield();
        var lines = _lines.For(step.Step.Id, step.Attempt);
        try
        {
            if (step.Probing)
            {
                var found = await engine.Steps.Probe(_run.State, _incident, step, lines, _over.Token);
                await lines.Flush();
                _done.Writer.TryWrite(new Ended(step.Step.Id, step.Attempt, null, found));
                return;
            }
            var result = await engine.Steps.Run(_run.State, _incident, step, lines, confirmation, _abort.Token, _over.Token);
            await lines.Flush();
            _done.Writer.TryWrite(new Ended(step.Step.Id, step.Attempt, result, null));
        }
        catch (Exception e)
        {
            // This node lets go of the run; whoever takes it finds the step running and decides by its effect.
            engine.Log.LogWarning("Step {Step} of run {Run} was interrupted: {Reason}", step.Step.Id, runId, e.Message);
            _done.Writer.TryComplete(new InvalidOperationException($"Step {step.Step.Id} of run {runId} could not be brought to an end on this node.", e));
        }
    }

    /// <summary>Waits until the first scheduled retry is due; for ever when there is none.</summary>
    private Task NextRetry(CancellationToken ct)
    {
        var state = _run.State;
        // Nothing starts while the run is paused, blocked or full, whatever is due: the next event wakes us then.
        var mayStart = state.Status == RunStatus.Running && !state.Steps.Any(s => s.Blocks) && state.Steps.Count(s => s.Status == StepStatus.Running) < RunDecider.MostParallel;
        var due = mayStart ? state.Steps.Where(s => s.Status == StepStatus.Pending && s.NotBefore is not null).Min(s => s.NotBefore) : null;
        if (due is null) return Task.Delay(Timeout.InfiniteTimeSpan, engine.Time, ct);
        var left = due.Value - Now;
        return Task.Delay(left > Shortest ? left : Shortest, engine.Time, ct);
    }

    /// <summary>Decides and appends under this epoch; decides anew when a person appended in between.</summary>
    private Task Append(Func<Run, RunCommand> command) => Retrying(async () =>
    {
        while (true)
        {
            var decision = RunDecider.Decide(_run.State, command(_run.State));
            if (decision.Refusal is not null)
            {
                if (_run.State.Epoch > epoch) throw new LeaseLostException(runId);
                // The append before broke off after its commit: the journal has it already.
                return;
            }
            try
            {
                _run = await engine.Store.Append(runId, _run, decision.Events, Now, stop);
                return;
            }
            catch (VersionConflictException)
            {
                _run = await engine.Store.Catch(runId, _run, stop);
            }
        }
    });

    /// <summary>While PostgreSQL is away the run waits: what happened is kept here until it can be journaled.</summary>
    private async Task Retrying(Func<Task> work)
    {
        for (var pause = TimeSpan.FromMilliseconds(100); ; pause = pause < TimeSpan.FromSeconds(2) ? pause * 2 : pause)
        {
            try
            {
                await work();
                return;
            }
            catch (NpgsqlException e) when (StoreSetup.IsAway(e))
            {
                engine.Log.LogWarning("Run {Run} waits for PostgreSQL: {Reason}", runId, e.Message);
                await Task.Delay(pause, engine.Time, stop);
                await CatchUp();
            }
        }
    }

    /// <summary>The commit may have gone through before the connection broke.</summary>
    private async Task CatchUp()
    {
        try
        {
            _run = await engine.Store.Catch(runId, _run, stop);
        }
        catch (NpgsqlException)
        {
            // Still away; the next try reports it.
        }
    }

    /// <summary>What came of an attempt, or of asking about one.</summary>
    private sealed record Ended(string Step, int Attempt, StepResult? Result, (ProbeFinding Finding, string Summary)? Probe);

    private sealed record Running(TaskCompletionSource<StepConfirmed> Confirmation)
    {
        public Task Task { get; set; } = Task.CompletedTask;
    }
}
