using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Engine.Runs;
using RollbackConsole.Steps;

namespace RollbackConsole.Engine.Tests.Simulation;

/// <summary>The world that steps act on. It counts what really happened, whatever the console believes: the death of a node does not end its processes.</summary>
internal sealed class Targets(VirtualWorld world)
{
    private readonly List<Process> _processes = [];

    /// <summary>Asked at the moment of the launch, by whoever knows the journal.</summary>
    public Action<string, string, int> Launching { get; set; } = (_, _, _) => { };

    /// <summary>How often each attempt was launched.</summary>
    public Dictionary<(string Step, int Attempt), int> Launches { get; } = [];

    /// <summary>How often each step took effect.</summary>
    public Dictionary<string, int> Effects { get; } = new(StringComparer.Ordinal);

    public int EndProcesses(string node, string step, int attempt)
    {
        var left = _processes.Where(p => !p.Ended && p.Node == node && p.Step == step && p.Attempt == attempt).ToList();
        left.ForEach(p => p.End());
        return left.Count;
    }

    public IStepRunner For(string node, VirtualWorld.Place place) => new Runner(this, node, place);

    private sealed class Process(string node, string step, int attempt)
    {
        public string Node => node;
        public string Step => step;
        public int Attempt => attempt;
        public bool Ended { get; private set; }
        public bool Effective { get; set; }
        public TaskCompletionSource<bool> Exit { get; } = new();

        public void End(bool exited = false)
        {
            Ended = true;
            Exit.TrySetResult(exited);
        }
    }

    private sealed class Runner(Targets targets, string node, VirtualWorld.Place place) : IStepRunner
    {
        public bool? CanProbe(Run run, StepState step) => step.Step.Probe is null ? null : false;

        public async Task<StepResult> Run(Run run, Incident incident, StepState step, IStepLog lines, Task<StepConfirmed> confirmation, CancellationToken abort, CancellationToken stop)
        {
            var world = targets.World;
            targets.Launching(node, step.Step.Id, step.Attempt);
            targets.Launches[(step.Step.Id, step.Attempt)] = targets.Launches.GetValueOrDefault((step.Step.Id, step.Attempt)) + 1;
            if (step.Step.Uses is Gates.Kind or "confirm/checklist")
            {
                using var either = CancellationTokenSource.CreateLinkedTokenSource(abort, stop);
                try
                {
                    var said = await confirmation.WaitAsync(either.Token);
                    return said.Refusal is { } no ? StepResult.Failed(no) : StepResult.Succeeded("confirmed");
                }
                catch (OperationCanceledException) when (!stop.IsCancellationRequested)
                {
                    return new StepResult(StepStatus.Canceled, "aborted");
                }
            }
            var process = new Process(node, step.Step.Id, step.Attempt);
            targets._processes.Add(process);
            // The outcome is the target's, drawn when the process starts; the effect comes somewhere on the way.
            var length = world.Draw.Next(20) == 0 ? world.Between(5_000, 60_000) : world.Between(1, 3000);
            var fails = world.Draw.Next(6) == 0;
            world.Later(length * world.Draw.NextDouble(), () => { if (!process.Ended && !fails) { process.Effective = true; targets.Effects[process.Step] = targets.Effects.GetValueOrDefault(process.Step) + 1; } });
            world.Later(length, () => process.End(exited: true));
            using var aborted = abort.UnsafeRegister(static p => ((Process)p!).End(), process);
            using var stopped = stop.UnsafeRegister(static p => ((Process)p!).End(), process);
            using var timeout = new CancellationTokenSource(step.Step.Timeout, place.Clock);
            using var late = timeout.Token.UnsafeRegister(static p => ((Process)p!).End(), process);
            await lines.Write("out", $"{step.Step.Id}/{step.Attempt}");
            var exited = await process.Exit.Task;
            stop.ThrowIfCancellationRequested();
            if (exited) return fails ? StepResult.Failed("exit 1", 1) : step.Step.If is not null ? new StepResult(StepStatus.Skipped, "left out") : StepResult.Succeeded("done");
            return abort.IsCancellationRequested ? new StepResult(StepStatus.Canceled, "aborted") : StepResult.Failed("timed out");
        }

        public async Task<(ProbeFinding Finding, string Summary)> Probe(Run run, Incident incident, StepState step, IStepLog lines, CancellationToken stop)
        {
            await Task.Delay(targets.World.Between(1, 500), place.Clock, stop);
            var process = targets._processes.LastOrDefault(p => p.Step == step.Step.Id && p.Attempt == step.Attempt);
            // A probe tells what is there now: a process that is still at work elsewhere may have its effect a moment later.
            return targets.World.Draw.Next(5) == 0 ? (ProbeFinding.CannotTell, "no answer")
                : process is { Effective: true } ? (ProbeFinding.TookEffect, "it is there") : (ProbeFinding.NoEffect, "it is not there");
        }
    }

    private VirtualWorld World => world;
}
