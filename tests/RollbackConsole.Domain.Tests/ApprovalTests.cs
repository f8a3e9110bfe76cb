using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Approvals;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Domain.Severity;
using static RollbackConsole.Domain.Tests.ARun;

namespace RollbackConsole.Domain.Tests;

/// <summary>What people have to say before, during and after a run.</summary>
public sealed class ApprovalTests
{
    private static readonly Actor Lead = new("l", "Lead", [Role.Approver], ["platform_lead"]);
    private static readonly Actor Both = new("b", "Both", [Role.Approver], ["platform_lead", "tenant_success_manager"]);

    private static Run Asked(PolicyVerdict policy, params PlanStep[] steps) => Run.None.Do(new RequestRun(
        "r", "i", new PlanVersion("plan", 1, "sha256:plan", PlanOf(steps.Length == 0 ? [Step("a")] : steps)), "shop", "production", new Dictionary<string, string>(), false, "because", Commander.Person, Noon, policy));

    private static PolicyVerdict Needs(params ApprovalRequirement[] all) => PolicyVerdict.Free with { Approvals = all };

    [Fact]
    public void Different_gates_need_different_people()
    {
        var run = Asked(Needs(new("platform_lead", 1, true, ""), new("tenant_success_manager", 1, true, "")));
        run = run.Do(new DecideApproval(true, "platform_lead", run.Digest, "", Both, Noon));
        Assert.Contains("another person", run.Refused(new DecideApproval(true, null, run.Digest, "", Both, Noon)).Reason, StringComparison.Ordinal);
        Assert.Equal(RunStatus.AwaitingApproval, run.Status);
        Assert.Equal(RunStatus.Queued, run.Do(new DecideApproval(true, null, run.Digest, "", new Actor("t", "T", [], ["tenant_success_manager"]), Noon)).Status);
    }

    [Fact]
    public void A_review_needs_every_point_ticked_and_a_regulators_approval_its_reference()
    {
        var run = Asked(Needs(new ApprovalRequirement(Role.Approver, 1, true, "", Title: "Review", Checklist: ["one", "two"], NeedsReference: true)));
        Assert.Equal("items", run.Refused(new DecideApproval(true, null, run.Digest, "", Approver, Noon, ["one"])).Field);
        Assert.Equal("reference", run.Refused(new DecideApproval(true, null, run.Digest, "", Approver, Noon, ["one", "two"], " ")).Field);
        run = run.Do(new DecideApproval(true, null, run.Digest, "", Approver, Noon, ["one", "two"], "REG-7"));
        Assert.Equal(("REG-7", RunStatus.Queued), (run.Approvals[0].Reference, run.Status));
    }

    [Fact]
    public void An_approval_cannot_be_given_twice_replayed_or_given_for_another_digest()
    {
        var run = Asked(Needs(new ApprovalRequirement(Role.Approver, 2, true, "")));
        var approve = new DecideApproval(true, null, run.Digest, "", Approver, Noon);
        Assert.Equal(RefusalKind.Conflict, run.Refused(approve with { Digest = "sha256:other" }).Kind);
        var once = run.Do(approve);
        Assert.Equal(RefusalKind.Forbidden, once.Refused(approve).Kind);
        Assert.Equal(RefusalKind.Conflict, once.Do(new DecideApproval(true, null, run.Digest, "", Lead, Noon)).Refused(approve).Kind);
    }

    [Fact]
    public void A_request_grows_stale_and_so_does_an_approval_that_nothing_came_of()
    {
        var run = Asked(SecondPerson);
        Assert.Equal(RunStatus.AwaitingApproval, run.Do(new ExpireRun(Noon.AddHours(23))).Status);
        Assert.Equal(RefusalKind.Conflict, run.Refused(new DecideApproval(true, null, run.Digest, "", Approver, Noon.AddHours(25))).Kind);
        Assert.Equal(RunOutcome.Expired, run.Do(new ExpireRun(Noon.AddHours(24))).Outcome);
        var approved = run.Do(new DecideApproval(true, null, run.Digest, "", Approver, Noon.AddHours(1)));
        Assert.Contains("too old", approved.Refused(new LeaseRun("n", Noon.AddHours(26))).Reason, StringComparison.Ordinal);
        Assert.Equal(RunOutcome.Expired, approved.Do(new ExpireRun(Noon.AddHours(26))).Outcome);
        // Paused and resumed before anything started, it is as stale as before.
        Assert.Equal(RunOutcome.Expired, approved.Do(new PauseRun("wait", Commander.Person, Noon.AddHours(2))).Do(new ResumeRun("go", Commander.Person, Noon.AddHours(26))).Do(new ExpireRun(Noon.AddHours(26))).Outcome);
        Assert.Contains("paused", approved.Do(new PauseRun("wait", Commander.Person, Noon.AddHours(2))).Refused(new LeaseRun("n", Noon.AddHours(3))).Reason, StringComparison.Ordinal);
        var started = approved.Do(new LeaseRun("n", Noon.AddHours(2)));
        Assert.Equal(RunStatus.Running, started.Do(new ExpireRun(Noon.AddHours(40))).Status);
    }

    [Fact]
    public void A_maintenance_window_holds_the_start_back_and_nothing_else()
    {
        var window = new MaintenanceWindow([DayOfWeek.Saturday], new(22, 0), new(4, 0));
        var policy = SecondPerson with { Windows = [window] };
        var run = Asked(policy);
        run = run.Do(new DecideApproval(true, null, run.Digest, "", Approver, Noon));
        // Noon is a Saturday.
        Assert.Equal(Noon.AddHours(10), run.NotBefore);
        Assert.Contains("window opens", run.Refused(new LeaseRun("n", Noon.AddHours(9))).Reason, StringComparison.Ordinal);
        Assert.Equal(RunStatus.Running, run.Do(new LeaseRun("n", Noon.AddHours(10))).Status);
        // A node that comes back after the window has closed does not begin; the run is given the next one.
        Assert.Contains("closed", run.Refused(new LeaseRun("n", Noon.AddHours(20))).Reason, StringComparison.Ordinal);
        Assert.Equal(Noon.AddDays(7).AddHours(10), run.Do(new RefreshPolicy(policy, Noon.AddHours(20))).NotBefore);
        Assert.Equal(Noon.AddHours(11), window.Next(Noon.AddHours(11)));
        Assert.Equal(Noon.AddHours(15), window.Next(Noon.AddHours(15)));
        Assert.Equal(Noon.AddDays(7).AddHours(10), window.Next(Noon.AddHours(16)));
    }

    [Fact]
    public void Breaking_the_glass_is_for_where_the_policy_lets_it_and_for_exactly_what_was_seen()
    {
        Assert.Equal(RefusalKind.Forbidden, Asked(SecondPerson with { BreakGlass = false }).With(r => r.Refused(new BreakGlass("fire", r.Digest, Commander.Person, Noon))).Kind);
        var run = Asked(SecondPerson);
        Assert.Equal(RefusalKind.Invalid, run.Refused(new BreakGlass(" ", run.Digest, Commander.Person, Noon)).Kind);
        Assert.Equal(RefusalKind.Conflict, run.Refused(new BreakGlass("fire", "sha256:other", Commander.Person, Noon)).Kind);
        run = run.Do(new BreakGlass("fire", run.Digest, Commander.Person, Noon));
        Assert.Equal((RunStatus.Queued, Noon.AddHours(24)), (run.Status, run.Glass!.ReviewBy));
        Assert.Equal([Role.Approver], run.Glass.Missing);
        Assert.Equal(RefusalKind.Conflict, run.Refused(new BreakGlass("fire", run.Digest, Commander.Person, Noon)).Kind);
    }

    [Fact]
    public void A_policy_that_changes_while_the_run_waits_asks_for_what_it_says_now()
    {
        var run = Asked(SecondPerson).Do(new RefreshPolicy(Needs(new ApprovalRequirement("platform_lead", 1, true, "")), Noon));
        Assert.Equal(RefusalKind.Forbidden, run.Refused(new DecideApproval(true, null, run.Digest, "", Approver, Noon)).Kind);
        Assert.Equal(RunStatus.Queued, run.Do(new DecideApproval(true, null, run.Digest, "", Lead, Noon)).Status);
        var blocked = run.Do(new RefreshPolicy(Needs(new ApprovalRequirement("platform_lead", 1, true, "")) with { Blocks = ["too slow"] }, Noon));
        Assert.Contains("too slow", blocked.Refused(new DecideApproval(true, null, run.Digest, "", Lead, Noon)).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void An_approved_run_that_has_not_begun_goes_back_when_the_policy_asks_for_more_and_a_no_is_never_a_yes()
    {
        var run = Asked(SecondPerson).With(r => r.Do(new DecideApproval(true, null, r.Digest, "", Approver, Noon)));
        Assert.Equal(RunStatus.Queued, run.Do(new RefreshPolicy(SecondPerson, Noon)).Status);
        var more = run.Do(new RefreshPolicy(Needs(new("platform_lead", 1, true, ""), new(Role.Approver, 1, true, "")), Noon));
        Assert.Equal((RunStatus.AwaitingApproval, 1), (more.Status, RunDecider.Counting(more, more.Requirements[1]).Count()));
        Assert.Equal(RunStatus.Queued, more.Do(new DecideApproval(true, null, run.Digest, "", Lead, Noon)).Status);
        // What began is not called back by a policy.
        Assert.Empty(RunDecider.Decide(run.Do(new LeaseRun("n", Noon)), new RefreshPolicy(more.Policy, Noon)).Events);
        // Two were needed, one has approved, the policy relaxes to one: the second person's no is a no.
        var two = Asked(Needs(new ApprovalRequirement(Role.Approver, 2, true, ""))).With(r => r.Do(new DecideApproval(true, null, r.Digest, "", Approver, Noon))).Do(new RefreshPolicy(SecondPerson, Noon));
        Assert.Equal(RunStatus.AwaitingApproval, two.Status);
        Assert.Equal(RunOutcome.Rejected, two.Do(new DecideApproval(false, null, two.Digest, "no", Lead, Noon)).Outcome);
        Assert.Equal(RunStatus.Queued, two.Do(new DecideApproval(true, null, two.Digest, "", Lead, Noon)).Status);
    }

    [Fact]
    public void What_was_approved_under_a_milder_policy_does_not_fill_a_stricter_one()
    {
        var run = Asked(Needs(new ApprovalRequirement(Role.Approver, 1, false, ""), new ApprovalRequirement("platform_lead", 1, true, "")));
        run = run.Do(new DecideApproval(true, Role.Approver, run.Digest, "", new Actor(Commander.Id, "Commander", [Role.Approver], []), Noon));
        run = run.Do(new RefreshPolicy(Needs(new ApprovalRequirement(Role.Approver, 1, true, "", Checklist: ["seen"])), Noon));
        Assert.Equal("items", run.Refused(new DecideApproval(true, null, run.Digest, "", Approver, Noon)).Field);
        Assert.Equal(RunStatus.Queued, run.Do(new DecideApproval(true, null, run.Digest, "", Approver, Noon, ["seen"])).Status);
    }

    [Fact]
    public void An_approval_in_the_middle_is_skipped_by_nobody_and_keeps_its_answers_over_a_change_of_nodes()
    {
        var gate = Step("gate") with { Uses = Gates.Kind, With = new() { ["group"] = "platform_lead", ["count"] = 2 }, Effect = Effect.Idempotent };
        var run = Running(PlanOf(gate, Step("b", "gate")));
        Assert.Equal(RefusalKind.Forbidden, run.Refused(new SkipStep("gate", "hurry", Commander.Person, Noon)).Kind);
        run = run.Do(new AnswerGate("gate", true, "", Lead, Noon)).Do(new LeaseRun("n2", Noon)).Do(new AdvanceRun(2, Noon));
        Assert.Equal((StepStatus.Running, 2, 1), (run.StatusOf("gate"), run.Find("gate")!.Attempt, run.Find("gate")!.Answers.Count));
        Assert.NotNull(run.Do(new AnswerGate("gate", true, "", Both, Noon)).Find("gate")!.Confirmed);
    }

    [Fact]
    public void Everything_that_a_policy_says_can_be_read_back_from_the_journal()
    {
        var verdict = SecondPerson with { Retain = TimeSpan.FromDays(36500), Windows = [new([DayOfWeek.Sunday], new(22, 0), new(4, 0))] };
        var run = Asked(verdict);
        var again = (RunRequested)EventKinds.FromJson("run.requested", EventKinds.ToJson(new RunRequested(run.Id, "i", run.Plan, 1, "d", "s", "e", run.Parameters, false, "r", run.Digest, [], Commander.Person, Noon, verdict)));
        Assert.True(verdict.Same(again.Policy!));
    }

    [Fact]
    public void A_claim_is_for_those_who_could_approve_and_ends_by_itself()
    {
        var run = Asked(SecondPerson);
        Assert.Equal(RefusalKind.Forbidden, run.Refused(new ClaimApproval(Commander, Noon)).Kind);
        run = run.Do(new ClaimApproval(Approver, Noon));
        Assert.Empty(RunDecider.Decide(run, new ClaimApproval(Approver, Noon.AddMinutes(1))).Events);
        var refused = run.Refused(new ClaimApproval(Lead, Noon.AddMinutes(1)));
        Assert.Equal(RefusalKind.Conflict, refused.Kind);
        Assert.StartsWith("Approver looks at it already", refused.Reason, StringComparison.Ordinal);
        Assert.Equal(Lead.Id, run.Do(new ClaimApproval(Lead, Noon + RunDecider.ClaimLasts)).Claim!.By.Id);
        // Whoever has given their word looks no longer.
        var two = Asked(Needs(new ApprovalRequirement(Role.Approver, 2, true, ""))).Do(new ClaimApproval(Approver, Noon));
        two = two.Do(new DecideApproval(true, null, two.Digest, "", Approver, Noon));
        Assert.Equal(Lead.Id, two.Do(new ClaimApproval(Lead, Noon)).Claim!.By.Id);
        Assert.Equal(RunStatus.Queued, run.Do(new DecideApproval(true, null, run.Digest, "", Lead, Noon.AddMinutes(1))).Status);
    }

    [Fact]
    public void Whoever_said_yes_may_think_again_until_something_has_begun()
    {
        var two = Asked(Needs(new ApprovalRequirement(Role.Approver, 2, true, ""))).With(r => r.Do(new DecideApproval(true, null, r.Digest, "", Approver, Noon)));
        Assert.Equal(RunOutcome.Rejected, two.Do(new DecideApproval(false, null, two.Digest, "I looked again", Approver, Noon)).Outcome);
        var queued = Asked(SecondPerson).With(r => r.Do(new DecideApproval(true, null, r.Digest, "", Approver, Noon)));
        Assert.Equal(RefusalKind.Conflict, queued.Refused(new DecideApproval(false, null, queued.Digest, "no", Lead, Noon)).Kind);
        Assert.Equal((RunOutcome.Rejected, Role.Approver), queued.Do(new DecideApproval(false, null, queued.Digest, "I looked again", Approver, Noon)).With(r => (r.Outcome!.Value, r.RefusedBy!.Group)));
        // Paused before anything began, and resumed, nothing has begun either.
        var paused = queued.Do(new PauseRun("wait", Commander.Person, Noon));
        Assert.Equal(RunOutcome.Rejected, paused.Do(new DecideApproval(false, null, queued.Digest, "I looked again", Approver, Noon)).Outcome);
        Assert.Equal(RunOutcome.Rejected, paused.Do(new ResumeRun("go", Commander.Person, Noon)).Do(new DecideApproval(false, null, queued.Digest, "I looked again", Approver, Noon)).Outcome);
        var started = queued.Do(new LeaseRun("n", Noon));
        Assert.Equal(RefusalKind.Conflict, started.Refused(new DecideApproval(false, null, queued.Digest, "no", Approver, Noon)).Kind);
    }

    [Fact]
    public void A_group_that_is_called_like_a_role_gives_nobody_the_role()
    {
        var run = Asked(SecondPerson);
        Assert.Equal(RefusalKind.Forbidden, run.Refused(new DecideApproval(true, null, run.Digest, "", new Actor("x", "X", [Role.Viewer], [Role.Approver]), Noon)).Kind);
    }

    [Fact]
    public void An_emergency_does_not_wait_for_the_window_that_it_was_given()
    {
        var run = Asked(SecondPerson with { Windows = [new([DayOfWeek.Saturday], new(22, 0), new(4, 0))] }).With(r => r.Do(new DecideApproval(true, null, r.Digest, "", Approver, Noon)));
        Assert.True(run.WaitsForWindow(Noon));
        run = run.Do(new BreakGlass("fire", run.Digest, Commander.Person, Noon));
        Assert.False(run.WaitsForWindow(Noon));
        Assert.Equal(RunStatus.Running, run.Do(new LeaseRun("n", Noon)).Status);
    }

    [Fact]
    public void A_gate_in_the_middle_waits_for_another_person_and_its_refusal_fails_the_step()
    {
        var gate = Step("gate", "a") with { Uses = Gates.Kind, With = new() { ["group"] = "platform_lead", ["checklist"] = new System.Text.Json.Nodes.JsonArray("seen") } };
        var run = Asked(SecondPerson, Step("a"), gate, Step("b", "gate"));
        run = run.Do(new DecideApproval(true, null, run.Digest, "", Approver, Noon)).Do(new LeaseRun("n", Noon)).Do(new AdvanceRun(1, Noon));
        Assert.Equal(RefusalKind.Conflict, run.Refused(new AnswerGate("gate", true, "", Lead, Noon, ["seen"])).Kind);
        run = run.Finish("a");
        Assert.Equal(RefusalKind.Forbidden, run.Refused(new AnswerGate("gate", true, "", Approver, Noon, ["seen"])).Kind);
        Assert.Equal(RefusalKind.Invalid, run.Refused(new AnswerGate("gate", true, "", Lead, Noon)).Kind);
        var yes = run.Do(new AnswerGate("gate", true, "", Lead, Noon, ["seen"]));
        Assert.Equal(["Lead"], yes.Find("gate")!.Confirmed!.Items);
        Assert.Equal("not now", run.Do(new AnswerGate("gate", false, "not now", Lead, Noon)).Find("gate")!.Confirmed!.Refusal);
    }

    [Fact]
    public void What_a_policy_wants_answered_at_the_end_is_a_step_after_all_others()
    {
        var run = Asked(Needs(new ApprovalRequirement("compliance", 1, true, "Data is what it was", AtEnd: true)));
        Assert.Equal(RunStatus.Queued, run.Status);
        run = run.Do(new LeaseRun("n", Noon)).Do(new AdvanceRun(1, Noon)).Finish("a");
        Assert.Equal((RunStatus.Running, StepStatus.Running), (run.Status, run.StatusOf("policy-compliance")));
        run = run.Do(new AnswerGate("policy-compliance", true, "", new Actor("k", "K", [], ["compliance"]), Noon));
        Assert.Equal(RunOutcome.Succeeded, run.Finish("policy-compliance").Outcome);
    }

    [Fact]
    public void A_review_of_a_run_without_approval_nags_until_somebody_else_did_it()
    {
        var incident = AnIncident.Declared(Level.High);
        incident = incident.Do(new OweReview("r", "Plan", "fire", Noon.AddHours(24), Commander.Person, Noon)).Do(new ResolveIncident("over", Commander.Person, Noon));
        Assert.Equal(Noon.AddHours(24), incident.NextDue);
        Assert.Contains("reviewed", incident.Refused(new CloseIncident(Commander.Person, Noon)).Reason, StringComparison.Ordinal);
        for (var hour = 24; hour <= 32; hour += 4)
        {
            var due = IncidentClock.Due(incident, false, new HashSet<string>(), Noon.AddHours(hour));
            Assert.IsType<ReviewReminded>(Assert.Single(due));
            incident = due.Aggregate(incident, Incident.Apply);
            Assert.Empty(IncidentClock.Due(incident, false, new HashSet<string>(), Noon.AddHours(hour)));
        }
        Assert.Equal(RefusalKind.Forbidden, incident.Refused(new ReviewBreakGlass("r", "fine", Commander.Person, Noon)).Kind);
        incident = incident.Do(new ReviewBreakGlass("r", "It was right", Approver.Person, Noon));
        Assert.Null(incident.NextDue);
        Assert.Equal(IncidentStatus.Closed, incident.Do(new CloseIncident(Commander.Person, Noon)).Status);
    }
}
