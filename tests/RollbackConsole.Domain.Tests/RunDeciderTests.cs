using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;
using static RollbackConsole.Domain.Tests.ARun;

namespace RollbackConsole.Domain.Tests;

public sealed class RunDeciderTests
{
    [Fact]
    public void A_request_in_production_waits_for_an_approver() => Assert.Equal(RunStatus.AwaitingApproval, Requested(PlanOf(Step("one"))).Status);

    [Fact]
    public void A_dry_run_and_a_run_in_development_need_no_approval()
    {
        Assert.Equal(RunStatus.Queued, Requested(PlanOf(Step("one")), dryRun: true).Status);
        Assert.Equal(RunStatus.Queued, Requested(PlanOf(Step("one")), environment: "development").Status);
    }

    [Fact]
    public void An_approval_of_another_digest_is_stale()
    {
        var run = Requested(PlanOf(Step("one")));
        var refusal = run.Refused(new DecideApproval(true, null, run.Digest + "0", "", Approver, Noon));
        Assert.Equal(RefusalKind.Conflict, refusal.Kind);
    }

    [Fact]
    public void Nobody_approves_their_own_request()
    {
        var both = new Actor(Commander.Id, "Commander", [Role.Commander, Role.Approver], []);
        var run = Requested(PlanOf(Step("one")));
        Assert.Equal(RefusalKind.Forbidden, run.Refused(new DecideApproval(true, null, run.Digest, "", both, Noon)).Kind);
    }

    [Fact]
    public void A_commander_without_the_approver_role_cannot_approve()
    {
        var other = new Actor("c2", "Other commander", [Role.Commander], []);
        var run = Requested(PlanOf(Step("one")));
        Assert.Equal(RefusalKind.Forbidden, run.Refused(new DecideApproval(true, null, run.Digest, "", other, Noon)).Kind);
    }

    [Fact]
    public void The_second_approver_finds_the_run_queued_already()
    {
        var run = Approved(PlanOf(Step("one")));
        var second = new Actor("a2", "Second", [Role.Approver], []);
        Assert.Equal(RefusalKind.Conflict, run.Refused(new DecideApproval(true, null, run.Digest, "", second, Noon)).Kind);
    }

    [Fact]
    public void A_rejection_needs_a_reason_and_ends_the_run()
    {
        var run = Requested(PlanOf(Step("one")));
        Assert.Equal("comment", run.Refused(new DecideApproval(false, null, run.Digest, " ", Approver, Noon)).Field);
        Assert.Equal(RunOutcome.Rejected, run.Do(new DecideApproval(false, null, run.Digest, "wrong release", Approver, Noon)).Outcome);
    }

    [Fact]
    public void The_end_of_a_step_and_the_start_of_the_next_are_one_decision()
    {
        var run = Running(PlanOf(Step("one"), Step("two", "one")));
        var events = RunDecider.Decide(run, new FinishStep(1, "one", 1, StepResult.Succeeded("done"), Noon)).Events;
        Assert.Collection(events, e => Assert.IsType<StepFinished>(e), e => Assert.Equal("two", Assert.IsType<StepStarted>(e).Step));
    }

    [Fact]
    public void Branches_run_side_by_side_and_meet_again()
    {
        var run = Running(PlanOf(Step("a"), Step("b", "a"), Step("c", "a"), Step("d", "b", "c"))).Finish("a");
        Assert.Equal((StepStatus.Running, StepStatus.Running, StepStatus.Pending), (run.StatusOf("b"), run.StatusOf("c"), run.StatusOf("d")));
        Assert.Equal(StepStatus.Pending, run.Finish("b").StatusOf("d"));
        Assert.Equal(StepStatus.Running, run.Finish("b").Finish("c").StatusOf("d"));
    }

    [Fact]
    public void A_failed_step_stops_the_run_for_a_decision_once_the_other_branches_ended()
    {
        var run = Running(PlanOf(Step("a"), Step("b", "a"), Step("c", "a"), Step("d", "b"))).Finish("a").Finish("b", StepStatus.Failed);
        Assert.Equal(RunStatus.Running, run.Status);
        run = run.Finish("c");
        Assert.Equal(RunStatus.NeedsDecision, run.Status);
        Assert.Equal(StepStatus.Pending, run.StatusOf("d"));
    }

    [Fact]
    public void Retries_wait_for_their_delay_and_then_run_out()
    {
        var run = Running(PlanOf(Step("a") with { Effect = Effect.Idempotent, Attempts = 2, RetryDelay = TimeSpan.FromSeconds(10) })).Finish("a", StepStatus.Failed);
        Assert.Equal(StepStatus.Pending, run.Do(new AdvanceRun(1, Noon.AddSeconds(9))).StatusOf("a"));
        run = run.Do(new AdvanceRun(1, Noon.AddSeconds(10)));
        Assert.Equal((StepStatus.Running, 2), (run.StatusOf("a"), run.Find("a")!.Attempt));
        Assert.Equal(RunStatus.NeedsDecision, run.Finish("a", StepStatus.Failed).Status);
    }

    [Fact]
    public void A_once_step_is_never_tried_again_by_itself() =>
        Assert.Equal(RunStatus.NeedsDecision, Running(PlanOf(Step("a") with { Attempts = 3 })).Finish("a", StepStatus.Failed).Status);

    [Fact]
    public void A_step_that_may_fail_lets_the_run_go_on_and_end_as_partial()
    {
        var run = Running(PlanOf(Step("a") with { OnFailure = OnFailure.Continue }, Step("b", "a"))).Finish("a", StepStatus.Failed).Finish("b");
        Assert.Equal((RunStatus.Finished, RunOutcome.Partial), (run.Status, run.Outcome!.Value));
    }

    [Fact]
    public void Integrity_that_differs_is_never_success_nor_partial_even_when_a_person_skips_it()
    {
        var run = Running(PlanOf(Step("compare"), Step("after", "compare")));
        run = run.Do(new FinishStep(1, "compare", 1, new StepResult(StepStatus.Failed, "rows differ", IntegrityDiffers: true), Noon));
        run = run.Do(new SkipStep("compare", "we know", Commander.Person, Noon)).Do(new AdvanceRun(1, Noon)).Finish("after");
        Assert.Equal(RunOutcome.Failed, run.Outcome);
    }

    [Fact]
    public void A_failure_that_recovers_undoes_what_was_done_in_reverse_and_then_runs_the_recovery_steps()
    {
        var plan = PlanOf(Step("a") with { Undo = Step("undo-a") }, Step("b", "a") with { Undo = Step("undo-b") }, Step("c", "b") with { OnFailure = OnFailure.Recover, Undo = Step("undo-c") }, Step("d", "c"))
            with
        { Recovery = [Step("r")] };
        var run = Running(plan).Finish("a", at: Noon.AddSeconds(1)).Finish("b", at: Noon.AddSeconds(2)).Finish("c", StepStatus.Failed);
        Assert.Equal(["a", "b", "c", "d", "undo-b", "undo-a", "r"], run.Steps.Select(s => s.Step.Id));
        Assert.Equal((StepStatus.Canceled, StepStatus.Running), (run.StatusOf("d"), run.StatusOf("undo-b")));
        run = run.Finish("undo-b").Finish("undo-a").Finish("r");
        Assert.Equal((RunStatus.Finished, RunOutcome.Failed), (run.Status, run.Outcome!.Value));
        Assert.Contains("All 3 undo and recovery steps succeeded", run.Summary, StringComparison.Ordinal);
    }

    [Fact]
    public void A_recovery_that_fails_turns_to_the_emergency_steps_and_says_so()
    {
        var plan = PlanOf(Step("a") with { Undo = Step("undo-a") }, Step("b", "a") with { OnFailure = OnFailure.Recover }) with { Recovery = [Step("r")], Emergency = [Step("alarm"), Step("shut")] };
        var run = Running(plan).Finish("a").Finish("b", StepStatus.Failed).Finish("undo-a", StepStatus.Failed);
        Assert.Equal((RunStatus.Running, StepStatus.Canceled, StepStatus.Running), (run.Status, run.StatusOf("r"), run.StatusOf("alarm")));
        // Whatever comes of one, the next is tried.
        run = run.Finish("alarm", StepStatus.Error).Finish("shut");
        Assert.Equal(RunOutcome.Failed, run.Outcome);
        Assert.StartsWith("EMERGENCY", run.Summary, StringComparison.Ordinal);
        Assert.Contains("'alarm' could not run", run.Summary, StringComparison.Ordinal);
    }

    [Fact]
    public void A_recovery_that_fails_without_emergency_steps_ends_and_calls_for_people()
    {
        var run = Running(PlanOf(Step("a") with { Undo = Step("undo-a") }, Step("b", "a") with { OnFailure = OnFailure.Recover })).Finish("a").Finish("b", StepStatus.Failed).Finish("undo-a", StepStatus.Error);
        Assert.Equal((RunStatus.Finished, RunOutcome.Failed), (run.Status, run.Outcome!.Value));
        Assert.Contains("people have to take over", run.Summary, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_outcome_in_the_recovery_is_settled_before_the_emergency()
    {
        var plan = PlanOf(Step("a") with { Undo = Step("undo-a") }, Step("b", "a") with { OnFailure = OnFailure.Recover }) with { Emergency = [Step("alarm")] };
        var run = Running(plan).Finish("a").Finish("b", StepStatus.Failed).Do(new LeaseRun("node:2", Noon)).Do(new AdvanceRun(2, Noon));
        Assert.Equal((RunStatus.NeedsDecision, StepStatus.Unknown), (run.Status, run.StatusOf("undo-a")));
        run = run.Do(new SettleOutcome("undo-a", StepStatus.Failed, "it did not", Commander.Person, Noon)).Do(new AdvanceRun(2, Noon));
        Assert.Equal(StepStatus.Running, run.StatusOf("alarm"));
    }

    [Fact]
    public void A_commander_can_order_the_recovery_of_a_run_that_waits_for_a_decision()
    {
        var plan = PlanOf(Step("a") with { Undo = Step("undo-a") }, Step("b", "a")) with { Recovery = [Step("r")] };
        var blocked = Running(plan).Finish("a").Finish("b", StepStatus.Failed);
        Assert.Equal(RunStatus.NeedsDecision, blocked.Status);
        Assert.Equal(RefusalKind.Invalid, blocked.Refused(new RecoverRun(" ", Commander.Person, Noon)).Kind);
        var run = blocked.Do(new RecoverRun("no use", Commander.Person, Noon)).Do(new AdvanceRun(1, Noon));
        Assert.Equal(StepStatus.Running, run.StatusOf("undo-a"));
        Assert.Equal(RefusalKind.Conflict, run.Refused(new RecoverRun("again", Commander.Person, Noon)).Kind);
        Assert.Equal(RunOutcome.Failed, run.Finish("undo-a").Finish("r").Outcome);
        // Nothing is undone while nobody knows what was done.
        var unknown = Running(plan).Finish("a").Do(new LeaseRun("node:2", Noon)).Do(new AdvanceRun(2, Noon));
        Assert.Contains("settle that first", unknown.Refused(new RecoverRun("x", Commander.Person, Noon)).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_outcome_is_never_undone_before_a_person_has_looked()
    {
        var run = Running(PlanOf(Step("a") with { OnFailure = OnFailure.Recover })).Do(new LeaseRun("node:2", Noon)).Do(new AdvanceRun(2, Noon));
        Assert.Equal((RunStatus.NeedsDecision, StepStatus.Unknown), (run.Status, run.StatusOf("a")));
        Assert.Equal(RunOutcome.Failed, run.Do(new SettleOutcome("a", StepStatus.Failed, "it did not", Commander.Person, Noon)).Do(new AdvanceRun(2, Noon)).Outcome);
        // The recovery of a run that waited for a decision is a running run again.
        var recovering = Running(PlanOf(Step("a") with { Undo = Step("undo-a") }, Step("b", "a") with { OnFailure = OnFailure.Recover })).Finish("a").Do(new LeaseRun("node:2", Noon)).Do(new AdvanceRun(2, Noon))
            .Do(new SettleOutcome("b", StepStatus.Failed, "it did not", Commander.Person, Noon)).Do(new AdvanceRun(2, Noon));
        Assert.Equal((RunStatus.Running, StepStatus.Running), (recovering.Status, recovering.StatusOf("undo-a")));
    }

    [Fact]
    public void After_a_crash_an_idempotent_step_runs_again_and_a_once_step_is_unknown()
    {
        var run = Running(PlanOf(Step("once"), Step("again") with { Effect = Effect.Idempotent })).Do(new LeaseRun("node:2", Noon)).Do(new AdvanceRun(2, Noon));
        Assert.Equal((StepStatus.Unknown, StepStatus.Pending), (run.StatusOf("once"), run.StatusOf("again")));
        run = run.Do(new SettleOutcome("once", StepStatus.Succeeded, "looked", Commander.Person, Noon)).Do(new AdvanceRun(2, Noon));
        Assert.Equal((StepStatus.Running, 2), (run.StatusOf("again"), run.Find("again")!.Attempt));
    }

    [Theory]
    [InlineData(ProbeFinding.TookEffect, Effect.Once, StepStatus.Succeeded, 1)]
    [InlineData(ProbeFinding.NoEffect, Effect.Once, StepStatus.Running, 2)]
    [InlineData(ProbeFinding.CannotTell, Effect.Once, StepStatus.Unknown, 1)]
    [InlineData(ProbeFinding.CannotTell, Effect.Idempotent, StepStatus.Running, 2)]
    public void An_interrupted_step_with_a_probe_is_asked_before_anything_else(ProbeFinding finding, Effect effect, StepStatus then, int attempt)
    {
        var run = Running(PlanOf(Step("a") with { Effect = effect })).Do(new LeaseRun("node:2", Noon, new Dictionary<string, bool> { ["a"] = true })).Do(new AdvanceRun(2, Noon));
        Assert.True(run.Find("a")!.Probing);
        // A result of the attempt that was interrupted is nobody's to give any more.
        Assert.Equal(RefusalKind.Conflict, run.Refused(new FinishStep(2, "a", 1, StepResult.Succeeded(""), Noon)).Kind);
        run = run.Do(new FinishProbe(2, "a", 1, finding, "looked", Noon));
        Assert.Equal((then, attempt), (run.StatusOf("a"), run.Find("a")!.Attempt));
    }

    [Fact]
    public void A_once_step_whose_process_may_still_be_at_work_elsewhere_is_not_repeated_on_a_probes_no()
    {
        Run Probed(string? host) => Approved(PlanOf(Step("a"))).Do(new LeaseRun("node:1", Noon, Host: "machine-1")).Do(new AdvanceRun(1, Noon)).Do(new LeaseRun("node:2", Noon, new Dictionary<string, bool> { ["a"] = false }, host))
            .Do(new FinishProbe(2, "a", 1, ProbeFinding.NoEffect, "not there", Noon));
        Assert.Equal(StepStatus.Unknown, Probed("machine-2").StatusOf("a"));
        // On the same machine what was left of it has been ended first.
        Assert.Equal(StepStatus.Running, Probed("machine-1").StatusOf("a"));
    }

    [Fact]
    public void A_probe_that_is_interrupted_itself_is_asked_again()
    {
        var run = Running(PlanOf(Step("a"))).Do(new LeaseRun("node:2", Noon, new Dictionary<string, bool> { ["a"] = true })).Do(new LeaseRun("node:3", Noon, new Dictionary<string, bool> { ["a"] = true }));
        Assert.True(run.Find("a")!.Probing);
        Assert.Equal(StepStatus.Unknown, run.Do(new LeaseRun("node:4", Noon)).StatusOf("a"));
    }

    [Fact]
    public void A_node_that_stops_finishes_what_runs_and_starts_nothing_new()
    {
        var run = Running(PlanOf(Step("a"), Step("b", "a")));
        Assert.Equal(RefusalKind.Conflict, run.Refused(new HandOver(1, Noon)).Kind);
        run = run.Do(new FinishStep(1, "a", 1, StepResult.Succeeded("done"), Noon, GoOn: false)).Do(new HandOver(1, Noon));
        Assert.Equal((StepStatus.Pending, null), (run.StatusOf("b"), run.Node));
        run = run.Do(new LeaseRun("node:2", Noon)).Do(new AdvanceRun(2, Noon));
        Assert.Equal((StepStatus.Running, 1), (run.StatusOf("b"), run.Find("b")!.Attempt));
    }

    [Fact]
    public void What_the_plans_own_condition_leaves_out_is_no_shortcoming()
    {
        var run = Running(PlanOf(Step("a"), Step("b", "a")));
        run = run.Do(new FinishStep(1, "a", 1, new StepResult(StepStatus.Skipped, "Left out"), Noon)).Finish("b");
        Assert.Equal(RunOutcome.Succeeded, run.Outcome);
        Assert.Contains("1 left out", run.Summary, StringComparison.Ordinal);
    }

    [Fact]
    public void An_older_lease_can_no_longer_append()
    {
        var run = Running(PlanOf(Step("a"))).Do(new LeaseRun("node:2", Noon));
        Assert.Equal(RefusalKind.Conflict, run.Refused(new FinishStep(1, "a", 1, StepResult.Succeeded(""), Noon)).Kind);
    }

    [Fact]
    public void A_finished_run_refuses_every_command()
    {
        var run = Running(PlanOf(Step("a"))).Finish("a");
        RunCommand[] commands =
        [
            new PauseRun("x", Commander.Person, Noon), new AbortRun("x", Commander.Person, Noon), new LeaseRun("n", Noon), new AdvanceRun(1, Noon),
            new RetryStep("a", "x", Commander.Person, Noon), new SkipStep("a", "x", Commander.Person, Noon), new DecideApproval(true, null, run.Digest, "", Approver, Noon),
        ];
        Assert.All(commands, c => Assert.Equal(RefusalKind.Conflict, run.Refused(c).Kind));
    }

    [Fact]
    public void An_abort_before_the_start_ends_at_once_and_one_during_a_step_waits_for_it()
    {
        Assert.Equal(RunOutcome.Aborted, Approved(PlanOf(Step("a"))).Do(new PauseRun("wait", Commander.Person, Noon)).Do(new AbortRun("no", Commander.Person, Noon)).Outcome);
        Assert.Equal(RunOutcome.Aborted, Requested(PlanOf(Step("a"))).Do(new AbortRun("no", Commander.Person, Noon)).Outcome);
        var run = Running(PlanOf(Step("a"), Step("b", "a"))).Do(new AbortRun("stop", Commander.Person, Noon));
        Assert.Equal(RunStatus.Aborting, run.Status);
        run = run.Finish("a", StepStatus.Canceled);
        Assert.Equal(RunOutcome.Aborted, run.Outcome);
        Assert.Contains("Ended in the middle, look at their targets: a. Not done: b.", run.Summary, StringComparison.Ordinal);
    }

    [Fact]
    public void An_aborted_run_says_of_everything_that_began_that_its_target_has_to_be_looked_at()
    {
        var again = Step("again") with { Effect = Effect.Idempotent };
        var run = Running(PlanOf(again, again with { Id = "late", Title = "late", Attempts = 3 }, Step("bad") with { OnFailure = OnFailure.Continue }, Step("last", "again")));
        run = run.Finish("late", StepStatus.Failed).Finish("bad", StepStatus.Failed).Do(new AbortRun("stop", Commander.Person, Noon));
        // The node dies while it aborts: what was interrupted touched its target, although it is to be done again.
        run = run.Do(new LeaseRun("node:2", Noon)).Do(new AdvanceRun(2, Noon));
        Assert.Equal("Aborted after 0 of 4 steps. Ended in the middle, look at their targets: again, late. Failed: bad. Not done: last.", run.Summary);
    }

    [Fact]
    public void Two_people_who_decide_on_the_same_attempt_repeat_it_once()
    {
        var run = Running(PlanOf(Step("a"))).Finish("a", StepStatus.Failed).Do(new RetryStep("a", "again", Commander.Person, Noon, 1)).Do(new AdvanceRun(1, Noon)).Finish("a", StepStatus.Failed);
        Assert.Equal(StepStatus.Failed, run.StatusOf("a"));
        Assert.Contains("attempt 2 by now", run.Refused(new RetryStep("a", "again", Commander.Person, Noon, 1)).Reason, StringComparison.Ordinal);
        Assert.Equal(RefusalKind.Conflict, run.Refused(new SkipStep("a", "enough", Commander.Person, Noon, 1)).Kind);
        Assert.Equal(StepStatus.Skipped, run.Do(new SkipStep("a", "enough", Commander.Person, Noon, 2)).StatusOf("a"));
        var unknown = Running(PlanOf(Step("a"))).Do(new LeaseRun("node:2", Noon)).Do(new AdvanceRun(2, Noon));
        Assert.Equal(RefusalKind.Conflict, unknown.Refused(new SettleOutcome("a", StepStatus.Succeeded, "looked", Commander.Person, Noon, 2)).Kind);
        Assert.Equal(StepStatus.Succeeded, unknown.Do(new SettleOutcome("a", StepStatus.Succeeded, "looked", Commander.Person, Noon, 1)).StatusOf("a"));
    }

    [Fact]
    public void A_step_that_loses_its_node_again_and_again_waits_for_a_person_and_a_gate_does_not()
    {
        var run = Running(PlanOf(Step("a") with { Effect = Effect.Idempotent }, Step("gate") with { Uses = Gates.Kind, Effect = Effect.Idempotent }));
        for (var n = 1; n < RunDecider.MostInterruptions; n++) run = run.Do(new LeaseRun($"node:{n}", Noon)).Do(new AdvanceRun(n + 1, Noon));
        Assert.Equal((StepStatus.Running, RunDecider.MostInterruptions), (run.StatusOf("a"), run.Find("a")!.Attempt));
        run = run.Do(new LeaseRun("last", Noon)).Do(new AdvanceRun(run.Epoch + 1, Noon));
        // Nobody knows what its last life came to, so nothing is recovered or passed over before a person has looked.
        Assert.Equal((StepStatus.Unknown, StepStatus.Pending), (run.StatusOf("a"), run.StatusOf("gate")));
        run = run.Do(new RetryStep("a", "the node has more memory now", Commander.Person, Noon)).Do(new AdvanceRun(run.Epoch, Noon));
        Assert.Equal((StepStatus.Running, StepStatus.Running, 0), (run.StatusOf("a"), run.StatusOf("gate"), run.Find("a")!.Interruptions));
    }

    [Fact]
    public void What_ended_later_is_undone_first_whatever_the_clocks_of_the_nodes_said()
    {
        var run = Running(PlanOf(Step("a") with { Undo = Step("undo-a") }, Step("b", "a") with { Undo = Step("undo-b") }, Step("c", "b") with { OnFailure = OnFailure.Recover }));
        // The second node's clock is behind the first one's.
        run = run.Finish("a", at: Noon.AddMinutes(5)).Finish("b", at: Noon).Finish("c", StepStatus.Failed, Noon);
        Assert.Equal(["undo-b", "undo-a"], run.Steps.Where(s => s.Part == StepPart.Undo).Select(s => s.Step.Id));
    }

    [Fact]
    public void A_checklist_is_confirmed_only_with_every_item()
    {
        var list = Step("look") with { Uses = "confirm/checklist", With = new() { ["items"] = new System.Text.Json.Nodes.JsonArray("one", "two") } };
        var run = Running(PlanOf(list));
        Assert.Contains("two", run.Refused(new ConfirmStep("look", ["one"], Commander.Person, Noon)).Reason, StringComparison.Ordinal);
        run = run.Do(new ConfirmStep("look", ["one", "two"], Commander.Person, Noon));
        Assert.Equal(RefusalKind.Conflict, run.Refused(new ConfirmStep("look", ["one", "two"], Approver.Person, Noon)).Kind);
    }

    [Fact]
    public void More_branches_than_can_be_watched_wait_for_their_turn()
    {
        var run = Running(PlanOf([.. Enumerable.Range(0, 12).Select(n => Step($"s{n}"))]));
        Assert.Equal(RunDecider.MostParallel, run.Steps.Count(s => s.Status == StepStatus.Running));
        Assert.Equal(StepStatus.Running, run.Finish("s0").StatusOf("s8"));
    }

    [Fact]
    public void A_paused_run_starts_nothing_new()
    {
        var run = Running(PlanOf(Step("a"), Step("b", "a"))).Do(new PauseRun("wait", Commander.Person, Noon)).Finish("a");
        Assert.Equal((RunStatus.Paused, StepStatus.Pending), (run.Status, run.StatusOf("b")));
        Assert.Equal(StepStatus.Running, run.Do(new ResumeRun("go", Commander.Person, Noon)).Do(new AdvanceRun(1, Noon)).StatusOf("b"));
    }
}
