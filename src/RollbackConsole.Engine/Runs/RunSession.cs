using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Npgsql;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Steps.Running;
using RollbackConsole.Steps.Secrets;
using RollbackConsole.Store.Journal;
using RollbackConsole.Store.Runs;

namespace RollbackConsole.Engine.Runs;

/// <summary>One holding of one run under one epoch.</summary>
internal sealed class RunSession(RunSession.Parts engine, string runId, int epoch, CancellationToken stop)
{
    /// <summary>What a session works with.</summary>
    internal sealed record Parts(
        EventJournal Journal, LogLines Lines, ChangeFeed Feed, StepRunner Steps, SecretMask Mask, EngineFolders Folders,
        EngineOptions Options, TimeProvider Time, ILogger Log);

    private readonly Channel<(string Step, int Attempt, StepResult Result)> _done = Channel.CreateUnbounded<(string, int, StepResult)>();
    private readonly Dictionary<string, Running> _running = new(StringComparer.Ordinal);

    /// <summary>A retry that is due waits at least this long, so that no state can turn the wait into a spin.</summary>
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(50);

    private static readonly TimeSpan Settle = TimeSpan.FromMilliseconds(20);

    private readonly CancellationTokenSource _abort = new();
    private Loaded<Run> _run = null!;
    private Incident _incident = null!;
    private RunLog _lines = null!;

    public async Task Work(Loaded<Run> loaded)
    {
        _run = loaded;
        using var changed = engine.Feed.Watch(Streams.Runs.Stream(runId));
        // Before the journal says that these steps are over: after it, nobody would look for their processes again.
        var left = loaded.State.Steps.Where(s => s.Status == StepStatus.Running)
            .Select(s => (Step: s, Ended: ProcessRunner.EndLeftovers(runId, s.Step.Id, s.Attempt))).Where(x => x.Ended > 0).ToList();
        await Append(_ => new LeaseRun(engine.Folders.Node, Now));
        if (_run.State.Epoch != epoch) throw new LeaseLostException(runId);
        _incident = (await engine.Journal.Load(Streams.Incidents, _run.State.IncidentId, stop)).State;
        _lines = await RunLog.Open(runId, epoch, engine.Lines, engine.Mask, engine.Time, engine.Options.LogFlushEvery, engine.Log, stop);
        try
        {
            foreach (var (step, ended) in left)
                await _lines.For(step.Step.Id, step.Attempt).Write("console", $"The console was killed while this attempt ran; {ended} of its processes were still running and were ended.");
            await Append(_ => new AdvanceRun(epoch, Now));
            await Loop(changed);
        }
        finally
        {
            await _abort.CancelAsync();
            await Task.WhenAll(_running.Values.Select(r => r.Task));
            await _lines.DisposeAsync();
            _abort.Dispose();
        }
    }

    private DateTimeOffset Now => engine.Time.GetUtcNow();

    private async Task Loop(Wake changed)
    {
        var woken = Woken(changed);
        var finished = _done.Reader.WaitToReadAsync(stop).AsTask();
        while (_run.State.Status != RunStatus.Finished)
        {
            StartSteps();
            using var timer = CancellationTokenSource.CreateLinkedTokenSource(stop);
            await Task.WhenAny(finished, woken, NextRetry(timer.Token));
            await timer.CancelAsync();
            stop.ThrowIfCancellationRequested();
            while (_done.Reader.TryRead(out var done))
            {
                _running.Remove(done.Step);
                await Append(_ => new FinishStep(epoch, done.Step, done.Attempt, done.Result, Now));
                StartSteps();
            }
            if (finished.IsCompleted)
            {
                // Throws when a step could not be brought to an end here: the session ends, and the run is taken anew.
                await finished;
                finished = _done.Reader.WaitToReadAsync(stop).AsTask();
            }
            if (woken.IsCompleted)
            {
                woken = Woken(changed);
                await Retrying(async () => _run = await engine.Journal.Catch(Streams.Runs, runId, _run, stop));
            }
            await Append(_ => new AdvanceRun(epoch, Now));
        }
    }

    /// <summary>Our own appends wake us as well; waiting a moment makes one look of many, and a person's word loses nothing by it.</summary>
    private async Task Woken(Wake changed)
    {
        await changed.Wait(stop);
        await Task.Delay(Settle, engine.Time, stop);
    }

    /// <summary>Brings what runs here in line with what the journal says should run.</summary>
    private void StartSteps()
    {
        if (_run.State.Status == RunStatus.Aborting) _abort.Cancel();
        foreach (var step in _run.State.Steps.Where(s => s.Status == StepStatus.Running))
        {
            if (!_running.TryGetValue(step.Step.Id, out var running))
            {
                running = new Running(new TaskCompletionSource<StepConfirmed>(TaskCreationOptions.RunContinuationsAsynchronously));
                _running.Add(step.Step.Id, running);
                var confirmation = running.Confirmation.Task;
                running.Task = Task.Run(() => RunStep(step, confirmation), CancellationToken.None);
            }
            if (step.ConfirmedBy is { } by)
                running.Confirmation.TrySetResult(new StepConfirmed(step.Step.Id, step.Attempt, step.ConfirmedItems, by, Now));
        }
    }

    private async Task RunStep(StepState step, Task<StepConfirmed> confirmation)
    {
        var lines = _lines.For(step.Step.Id, step.Attempt);
        try
        {
            var result = await engine.Steps.Run(_run.State, _incident, step, lines, confirmation, _abort.Token, stop);
            await lines.Flush();
            _done.Writer.TryWrite((step.Step.Id, step.Attempt, result));
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
                _run = await engine.Journal.Append(Streams.Runs, runId, _run, decision.Events, Person.Console, Now, stop);
                return;
            }
            catch (VersionConflictException)
            {
                _run = await engine.Journal.Catch(Streams.Runs, runId, _run, stop);
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
            catch (NpgsqlException e) when (e is not PostgresException || e.IsTransient || e.SqlState?.StartsWith("57", StringComparison.Ordinal) == true)
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
            _run = await engine.Journal.Catch(Streams.Runs, runId, _run, stop);
        }
        catch (NpgsqlException)
        {
            // Still away; the next try reports it.
        }
    }

    private sealed record Running(TaskCompletionSource<StepConfirmed> Confirmation)
    {
        public Task Task { get; set; } = Task.CompletedTask;
    }
}
