using FsCheck;
using FsCheck.Fluent;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Approvals;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;
using static RollbackConsole.Domain.Tests.ARun;

namespace RollbackConsole.Domain.Tests;

/// <summary>Random histories of commands, legal and illegal, against the invariants of the design.</summary>
public sealed class RunInvariantTests
{
    [Fact]
    public void Every_history_keeps_the_invariants() =>
        Prop.ForAll(ArbMap.Default.ArbFor<int[]>(), choices => Check(choices)).Check(Config.QuickThrowOnFailure.WithMaxTest(3000).WithStartSize(5).WithEndSize(120));

    [Fact]
    public void Every_event_goes_through_json_unchanged() =>
        Prop.ForAll(ArbMap.Default.ArbFor<int[]>(), choices =>
        {
            foreach (var e in Play(choices).Select(h => h.Event))
                Assert.Equal(EventKinds.ToJson(e), EventKinds.ToJson(EventKinds.FromJson(EventKinds.KindOf(e), EventKinds.ToJson(e))));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(100).WithEndSize(60));

    [Fact]
    public void The_histories_reach_every_end_that_a_run_can_have()
    {
        var ends = Enumerable.Range(0, 3000).SelectMany(n => Play([n])).Select(h => h.Event).OfType<RunFinished>().Select(f => f.Outcome).ToHashSet();
        Assert.Equal([RunOutcome.Succeeded, RunOutcome.Partial, RunOutcome.Failed, RunOutcome.Aborted, RunOutcome.Rejected, RunOutcome.Expired], ends.Order());
    }

    private static void Check(int[] choices)
    {
        var started = new Dictionary<string, int>(StringComparer.Ordinal);
        var ordered = new HashSet<string>(StringComparer.Ordinal);
        var didNotHappen = new HashSet<string>(StringComparer.Ordinal);
        var finished = false;
        foreach (var (before, command, e, after) in Play(choices))
        {
            Assert.False(finished, "A finished run changed.");
            if (command is EngineCommand engine) Assert.Equal(before.Epoch, engine.Epoch); // 3: only the newest lease appends.
            switch (e)
            {
                case StepStarted s:
                    // 1: nothing starts that was not approved, by somebody else, for exactly this digest.
                    if (after.Requirements.Any(r => !r.AtEnd) && after.Glass is null) Assert.Contains(after.Approvals, a => a.Digest == after.Digest && a.By.Id != after.RequestedBy!.Id);
                    if (after.Glass is { } glass) Assert.True(after.Policy.BreakGlass && glass.Digest == after.Digest);
                    Assert.NotNull(after.ApprovedAt);
                    // 2: each attempt starts once; a once step that may have happened starts again only on a person's word.
                    Assert.Equal(started.GetValueOrDefault(s.Step) + 1, s.Attempt);
                    if (started.ContainsKey(s.Step) && after.Find(s.Step)!.Step.Effect == Effect.Once) Assert.Contains(s.Step, ordered.Concat(didNotHappen));
                    started[s.Step] = s.Attempt;
                    ordered.Remove(s.Step);
                    didNotHappen.Remove(s.Step);
                    Assert.All(after.Find(s.Step)!.Step.Needs, n => Assert.True(after.Find(n)!.LetsOthersGoOn));
                    Assert.True(after.Steps.Count(x => x.Status == StepStatus.Running) <= RunDecider.MostParallel);
                    Assert.True(after.Find(s.Step)!.AttemptsUsed <= after.Find(s.Step)!.Step.Attempts);
                    break;
                case StepFinished f:
                    Assert.Equal(StepStatus.Running, before.Find(f.Step)!.Status);
                    Assert.Equal(before.Find(f.Step)!.Attempt, f.Attempt);
                    break;
                case StepInterrupted when command is FinishProbe { Finding: ProbeFinding.NoEffect } probe:
                    didNotHappen.Add(probe.Step);
                    break;
                case StepRetryOrdered r:
                    ordered.Add(r.Step);
                    break;
                case RunFinished f:
                    finished = true;
                    Assert.DoesNotContain(after.Steps, s => s.Status == StepStatus.Running);
                    // 7: integrity that differs is never success.
                    if (f.Outcome is RunOutcome.Succeeded or RunOutcome.Partial) Assert.DoesNotContain(after.Steps, s => s.IntegrityDiffers);
                    if (f.Outcome == RunOutcome.Succeeded) Assert.All(after.Steps, s => Assert.True(s.Status == StepStatus.Succeeded || s.LeftOutByPlan));
                    break;
            }
        }
    }

    /// <summary>Plays commands drawn from the choices and tells every event with the states around it.</summary>
    private static IEnumerable<(Run Before, RunCommand Command, IEvent Event, Run After)> Play(int[] choices)
    {
        var draw = new Random(choices.Aggregate(17, (a, b) => (a * 31) + b));
        var run = Run.None;
        var at = Noon;
        foreach (var choice in choices.Prepend(0).Concat(Enumerable.Range(0, 120).Select(_ => draw.Next(Commands))))
        {
            at = at.AddSeconds(draw.Next(8));
            var command = Command(run, (choice & int.MaxValue) % Commands, draw, at);
            var decision = RunDecider.Decide(run, command);
            Assert.True(decision.Refusal is null || decision.Events.Count == 0);
            var state = run;
            foreach (var e in decision.Events)
            {
                var after = Run.Apply(state, e);
                yield return (state, command, e, after);
                state = after;
            }
            run = state;
        }
    }

    private const int Commands = 24;

    private static PolicyVerdict RandomPolicy(Random draw) => SecondPerson with
    {
        BreakGlass = draw.Next(2) == 0,
        Expires = draw.Next(4) == 0 ? TimeSpan.FromSeconds(60) : null,
        Approvals = [.. SecondPerson.Approvals, .. draw.Next(3) == 0 ? [new ApprovalRequirement("compliance", 1, true, "at the end", AtEnd: true)] : Array.Empty<ApprovalRequirement>()],
    };

    private static RunCommand Command(Run run, int choice, Random draw, DateTimeOffset at)
    {
        if (!run.Exists) return new RequestRun("r", "i", new PlanVersion("plan", 1, "sha256:p", RandomPlan(draw)), "shop", "production", new Dictionary<string, string>(), draw.Next(6) == 0, "because", Commander.Person, at, draw.Next(4) == 0 ? PolicyVerdict.Free : RandomPolicy(draw));
        // Mostly steps that run: a finish of one that does not is refused, and tells little.
        var running = run.Steps.Where(s => s.Status == StepStatus.Running).ToList();
        var step = running.Count > 0 && draw.Next(4) > 0 ? running[draw.Next(running.Count)] : run.Steps[draw.Next(run.Steps.Length)];
        var epoch = draw.Next(8) == 0 ? run.Epoch - 1 : run.Epoch;
        return choice switch
        {
            0 or 1 => new DecideApproval(draw.Next(8) > 0, null, draw.Next(5) == 0 ? "sha256:stale" : run.Digest, "why", draw.Next(3) == 0 ? new Actor("c", "Commander", [Role.Commander, Role.Approver], []) : Approver, at),
            2 => new LeaseRun($"node:{draw.Next(3)}", at, run.Steps.Where(_ => draw.Next(3) == 0).ToDictionary(x => x.Step.Id, _ => draw.Next(2) == 0, StringComparer.Ordinal), $"machine-{draw.Next(2)}"),
            3 or 4 or 5 => new AdvanceRun(epoch, at),
            6 or 7 or 8 or 9 => new FinishStep(epoch, step.Step.Id, step.Attempt, new StepResult(draw.Next(5) > 0 ? StepStatus.Succeeded : (StepStatus)draw.Next(3, 6), "s", IntegrityDiffers: draw.Next(20) == 0), at),
            16 or 17 => new FinishProbe(epoch, (run.Steps.FirstOrDefault(x => x.Probing) ?? step).Step.Id, (run.Steps.FirstOrDefault(x => x.Probing) ?? step).Attempt, (ProbeFinding)draw.Next(3), "probed", at),
            18 => draw.Next(6) == 0 ? new BreakGlass("nobody answers", run.Digest, Commander.Person, at) : new ClaimApproval(Approver, at),
            19 => new ExpireRun(at),
            20 => new RecoverRun("give up", Commander.Person, at),
            21 or 22 => new AnswerGate("policy-compliance", draw.Next(4) > 0, "looked", new Actor("k", "Compliance", [], ["compliance"]), at),
            23 => draw.Next(2) == 0 ? new HandOver(epoch, at) : new RefreshPolicy(draw.Next(2) == 0 ? SecondPerson : PolicyVerdict.Free, at),
            10 => new PauseRun("p", Commander.Person, at),
            11 => new ResumeRun("r", Commander.Person, at),
            12 => draw.Next(4) == 0 ? new AbortRun("a", Commander.Person, at) : new ResumeRun("r", Commander.Person, at),
            13 => new RetryStep(step.Step.Id, "again", Commander.Person, at),
            14 => new SkipStep(step.Step.Id, "skip", Commander.Person, at),
            _ => new SettleOutcome(step.Step.Id, draw.Next(2) == 0 ? StepStatus.Succeeded : StepStatus.Failed, "looked", Commander.Person, at),
        };
    }

    private static Plan RandomPlan(Random draw)
    {
        var steps = new List<PlanStep>();
        for (var i = 0; i < 1 + draw.Next(14); i++)
        {
            var needs = steps.Where(_ => draw.Next(6) == 0).Select(s => s.Id).ToArray();
            steps.Add(Step($"s{i}", needs) with
            {
                Attempts = 1 + draw.Next(3),
                RetryDelay = TimeSpan.FromSeconds(draw.Next(1, 5)),
                Effect = (Effect)draw.Next(2),
                OnFailure = (OnFailure)draw.Next(3),
                Undo = draw.Next(2) == 0 ? Step($"undo-s{i}") : null,
            });
        }
        return PlanOf([.. steps]) with { Checks = draw.Next(2) == 0 ? [Step("check")] : [], Recovery = draw.Next(2) == 0 ? [Step("recover")] : [], Emergency = draw.Next(2) == 0 ? [Step("alarm")] : null };
    }
}
