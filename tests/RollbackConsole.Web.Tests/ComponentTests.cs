using System.Text.Json.Nodes;
using Bunit;
using Microsoft.Extensions.DependencyInjection;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Approvals;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Engine.Plans;
using RollbackConsole.Store.Runs;
using RollbackConsole.Web.Access;
using RollbackConsole.Web.Approvals;
using RollbackConsole.Web.Plans;
using RollbackConsole.Web.Runs;
using RollbackConsole.Web.Shell;

namespace RollbackConsole.Web.Tests;

public sealed class ComponentTests : BunitContext
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);
    private static readonly Actor Commander = new("c", "Commander", [Role.Commander], []);
    private static readonly Actor Approver = new("a", "Approver", [Role.Approver], []);

    public ComponentTests() => Services.AddSingleton(TimeProvider.System);

    [Theory]
    [InlineData(Level.Critical, "polygon")]
    [InlineData(Level.Low, "circle")]
    public void Severity_shows_by_shape_and_word(Level level, string shape)
    {
        var badge = Render<SeverityBadge>(p => p.Add(b => b.Level, level));
        Assert.NotNull(badge.Find($"svg {shape}"));
        Assert.Contains(level.ToString().ToLowerInvariant(), badge.Find(".severity").TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public void An_approver_sees_what_will_run_and_presses_once_even_when_pressing_twice()
    {
        var decisions = new List<bool>();
        var slow = new TaskCompletionSource();
        var panel = Render<ApprovalPanel>(p => p.Add(a => a.Run, Requested()).Add(a => a.Actor, Approver).Add(a => a.Preview, [Preview()])
            .Add(a => a.OnDecide, async d => { decisions.Add(d.Approve); await slow.Task; return true; }));
        Assert.Contains("Runs ./release v1", panel.Find("[data-testid=preview-one] pre").TextContent, StringComparison.Ordinal);
        Assert.Equal(Requested().Digest, panel.Find("[data-testid=digest]").TextContent);
        panel.Find("[data-testid=approve]").Click();
        Assert.True(panel.Find("[data-testid=approve]").HasAttribute("disabled"));
        slow.SetResult();
        panel.WaitForAssertion(() => Assert.Equal([true], decisions));
    }

    [Fact]
    public void Rejecting_needs_a_comment()
    {
        var comments = new List<string>();
        var panel = Render<ApprovalPanel>(p => p.Add(a => a.Run, Requested()).Add(a => a.Actor, Approver).Add(a => a.Preview, [Preview()]).Add(a => a.OnDecide, d => { comments.Add(d.Comment); return Task.FromResult(true); }));
        Assert.True(panel.Find("[data-testid=reject]").HasAttribute("disabled"));
        panel.Find("[data-testid=comment]").Input("wrong release");
        panel.Find("[data-testid=reject]").Click();
        Assert.Equal(["wrong release"], comments);
    }

    [Fact]
    public void What_can_lose_data_is_approved_only_with_the_name_of_the_service()
    {
        var said = new List<AnswerForm.Answered>();
        var panel = Render<ApprovalPanel>(p => p.Add(a => a.Run, Requested()).Add(a => a.Actor, Approver).Add(a => a.Preview, [Preview() with { Destructive = true }])
            .Add(a => a.OnDecide, d => { said.Add(d); return Task.FromResult(true); }));
        Assert.Contains("possible: One", panel.Find("[data-testid=data-loss]").TextContent, StringComparison.Ordinal);
        Assert.True(panel.Find("[data-testid=approve]").HasAttribute("disabled"));
        panel.Find("[data-testid=typed]").Input("Shop");
        Assert.True(panel.Find("[data-testid=approve]").HasAttribute("disabled"));
        panel.Find("[data-testid=typed]").Input("shop");
        panel.Find("[data-testid=approve]").Click();
        Assert.True(Assert.Single(said).Approve);
    }

    [Fact]
    public void A_review_is_answered_with_every_point_ticked_and_the_page_shows_what_the_policies_ask_now()
    {
        var said = new List<AnswerForm.Answered>();
        var now = PolicyVerdict.Free with { Approvals = [new(Role.Approver, 1, true, "Because.", Title: "Readiness", Checklist: ["backup", "tests"], NeedsReference: true)], Reasons = [new("p/r", "Because.", ["review"])] };
        var panel = Render<ApprovalPanel>(p => p.Add(a => a.Run, Requested()).Add(a => a.Actor, Approver).Add(a => a.Preview, [Preview()]).Add(a => a.Now, now).Add(a => a.OnDecide, d => { said.Add(d); return Task.FromResult(true); }));
        for (var i = 0; i < 2; i++) panel.FindAll("fieldset input[type=checkbox]")[i].Change(true);
        Assert.True(panel.Find("[data-testid=approve]").HasAttribute("disabled"));
        panel.Find("[data-testid=reference]").Input("REG-7");
        panel.Find("[data-testid=approve]").Click();
        Assert.Equal(("REG-7", 2), (said[0].Reference, said[0].Items.Count));
        Assert.Contains("p/r", panel.Find("[data-testid=policy-reasons]").TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public void An_approver_sees_what_changed_since_the_run_before_and_who_looks_already()
    {
        var run = Requested() with { Claim = new ApprovalClaimed(new Person("x", "Other approver"), Noon), Parameters = new Dictionary<string, string> { ["version"] = "v2" } };
        var before = Requested() with { PlanVersion = 7, Parameters = new Dictionary<string, string> { ["version"] = "v1" }, Plan = run.Plan with { Steps = [Step("one") with { OnFailure = OnFailure.Recover }, Step("gone")] } };
        Services.AddSingleton<TimeProvider>(new FixedTime(Noon.AddMinutes(1)));
        var panel = Render<ApprovalPanel>(p => p.Add(a => a.Run, run).Add(a => a.Actor, Approver).Add(a => a.Preview, [Preview()]).Add(a => a.Before, before));
        var changes = panel.Find("[data-testid=changes]").TextContent;
        Assert.All((string[])["version 1; last time it was 7", "version is 'v2'; last time it was 'v1'", "'one' has another order", "'gone' is gone"], c => Assert.Contains(c, changes, StringComparison.Ordinal));
        Assert.Contains("Other approver looks at this", panel.Find("[data-testid=claim]").TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public void The_requester_and_a_viewer_have_no_approve_button_and_are_told_why()
    {
        foreach (var actor in (Actor[])[Commander with { Roles = [Role.Commander, Role.Approver] }, new("v", "Viewer", [Role.Viewer], [])])
        {
            var panel = Render<ApprovalPanel>(p => p.Add(a => a.Run, Requested()).Add(a => a.Actor, actor).Add(a => a.Preview, [Preview()]));
            Assert.Empty(panel.FindAll("[data-testid=approve]"));
            Assert.NotEmpty(panel.Find("[data-testid=cannot-approve]").TextContent);
        }
    }

    [Fact]
    public void Whoever_fits_several_requirements_says_as_whom_they_answer()
    {
        var said = new List<AnswerForm.Answered>();
        var now = PolicyVerdict.Free with { Approvals = [new(Role.Approver, 1, true, "A second pair of eyes."), new("data_architect", 1, true, "The structure changes.", Title: "Architecture")] };
        var both = new Actor("b", "Both", [Role.Approver], ["data_architect"]);
        var panel = Render<ApprovalPanel>(p => p.Add(a => a.Run, Requested()).Add(a => a.Actor, both).Add(a => a.Preview, [Preview()]).Add(a => a.Now, now).Add(a => a.OnDecide, d => { said.Add(d); return Task.FromResult(true); }));
        panel.Find("select[data-testid=as]").Change("data_architect");
        panel.Find("[data-testid=approve]").Click();
        Assert.Equal("data_architect", Assert.Single(said).Group);
        // Somebody else was the architect meanwhile: the choice does not stay where it leads nowhere, and the page says as whom the yes would count.
        var given = Requested() with { Approvals = [new ApprovalGiven("data_architect", Requested().Digest, "", new Person("x", "X"), Noon)] };
        panel.Render(p => p.Add(a => a.Run, given));
        Assert.Equal("You answer as approver.", panel.Find("[data-testid=as]").TextContent);
    }

    [Fact]
    public void A_run_that_misses_nothing_any_more_is_started_or_ended_by_a_last_word()
    {
        var said = new List<AnswerForm.Answered>();
        var run = Requested() with { Approvals = [new ApprovalGiven(Role.Approver, Requested().Digest, "", new Person("x", "X"), Noon)] };
        var other = new RunRow("run-2", "i", "p", 1, "Another rollback", "shop", "production", false, RunStatus.Running, null, "", "Somebody", Noon, Noon, null, 3, 1, "node");
        var panel = Render<ApprovalPanel>(p => p.Add(a => a.Run, run).Add(a => a.Actor, Approver).Add(a => a.Preview, [Preview()]).Add(a => a.Working, other).Add(a => a.OnDecide, d => { said.Add(d); return Task.FromResult(true); }));
        Assert.Contains("Another rollback, asked for by Somebody, works on shop in production", panel.Find("[data-testid=working]").TextContent, StringComparison.Ordinal);
        Assert.NotNull(panel.Find("[data-testid=complete]"));
        panel.Find("[data-testid=approve]").Click();
        Assert.Equal((true, null), (said[0].Approve, said[0].Group));
        // And whoever gave the yes may take it back.
        panel = Render<ApprovalPanel>(p => p.Add(a => a.Run, Requested() with { Approvals = [new ApprovalGiven(Role.Approver, Requested().Digest, "", Approver.Person, Noon)] })
            .Add(a => a.Now, PolicyVerdict.Free with { Approvals = [new(Role.Approver, 2, true, "Two.")] }).Add(a => a.Actor, Approver).Add(a => a.Preview, [Preview()]).Add(a => a.OnDecide, d => { said.Add(d); return Task.FromResult(true); }));
        panel.Find("textarea").Input("I looked again");
        panel.Find("[data-testid=take-back]").Click();
        Assert.Equal((false, "I looked again"), (said[1].Approve, said[1].Comment));
    }

    [Fact]
    public void A_picture_for_a_camera_holds_exactly_its_text()
    {
        var drawn = Render<QrCode>(p => p.Add(q => q.Text, "otpauth://totp/one").Add(q => q.Says, "A key"));
        using var code = QRCoder.QRCodeGenerator.GenerateQrCode("otpauth://totp/one", QRCoder.QRCodeGenerator.ECCLevel.M);
        var dark = code.ModuleMatrix.SelectMany((row, y) => Enumerable.Range(0, row.Length).Where(x => row[x]).Select(x => $"M{x} {y}h1v1h-1z"));
        Assert.Equal(string.Concat(dark), drawn.Find("path").GetAttribute("d"));
        Assert.Equal("A key", drawn.Find("svg").GetAttribute("aria-label"));
        Assert.NotEqual(drawn.Find("path").GetAttribute("d"), Render<QrCode>(p => p.Add(q => q.Text, "otpauth://totp/two").Add(q => q.Says, "A key")).Find("path").GetAttribute("d"));
    }

    [Fact]
    public void Nothing_can_be_approved_before_its_preview_is_there()
    {
        var panel = Render<ApprovalPanel>(p => p.Add(a => a.Run, Requested()).Add(a => a.Actor, Approver).Add(a => a.Preview, []));
        Assert.True(panel.Find("[data-testid=approve]").HasAttribute("disabled"));
    }

    [Fact]
    public void A_blocked_step_offers_decisions_to_a_commander_only()
    {
        var run = Failed();
        var decided = new List<StepDecision>();
        var table = Render<StepTable>(p => p.Add(t => t.Run, run).Add(t => t.CanCommand, true).Add(t => t.OnDecide, d => decided.Add(d.Item2)));
        Assert.Equal("failed", table.Find("[data-testid=step-one]").GetAttribute("data-status"));
        table.FindAll("[data-testid=step-one] button.small")[0].Click();
        Assert.Equal([StepDecision.Retry], decided);
        Assert.Empty(Render<StepTable>(p => p.Add(t => t.Run, run).Add(t => t.CanCommand, false)).FindAll("button.small"));
    }

    [Fact]
    public void A_checklist_confirms_only_when_everything_is_ticked()
    {
        var confirmed = new List<string>();
        var step = new StepState(Step("look") with { Uses = "confirm/checklist", With = new JsonObject { ["items"] = new JsonArray("one", "<b>two</b>") } }, StepPart.Step);
        var list = Render<Checklist>(p => p.Add(c => c.Run, Requested()).Add(c => c.Step, step).Add(c => c.CanConfirm, true).Add(c => c.OnConfirm, c => confirmed.AddRange(c.Items)));
        Assert.Empty(list.FindAll("b"));
        list.FindAll("input")[0].Change(true);
        Assert.True(list.Find("button").HasAttribute("disabled"));
        list.FindAll("input")[1].Change(true);
        list.Find("button").Click();
        Assert.Equal(["<b>two</b>", "one"], confirmed.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_graph_puts_branches_below_each_other_and_their_meeting_after_them()
    {
        var layout = StepLayout.Of([.. new[] { Step("a"), Step("b", "a"), Step("c", "a"), Step("d", "b", "c") }.Select(s => new StepState(s, StepPart.Step))]);
        Assert.Equal([(0, 0), (1, 0), (1, 1), (2, 0)], layout.Places.Select(p => (p.Column, p.Row)));
        Assert.Equal(4, layout.Edges.Count);
        var graph = Render<StepGraph>(p => p.Add(g => g.Steps, [.. layout.Places.Select(x => x.Step)]));
        Assert.Equal(4, graph.FindAll("g.node").Count);
    }

    private static PlanStep Step(string id, params string[] needs) =>
        new(id, id, "command/run", new JsonObject { ["argv"] = new JsonArray("./release", "v1") }, needs, TimeSpan.FromMinutes(1), 1, TimeSpan.Zero, Effect.Once, OnFailure.Stop, null);

    private static StepPreview Preview() => new("one", "One", "command/run", Effect.Once, false, OnFailure.Stop, TimeSpan.FromMinutes(1), 1, [], StepPart.Step, ["Runs ./release v1"], null);

    private static Run Requested()
    {
        var plan = new Plan("p", "Plan", "shop", Risk.Modification, null, "none", [], [Step("one")], [], null, []);
        return Do(Run.None, new RequestRun("r", "i", new PlanVersion("p", 1, "sha256:p", plan), "shop", "production", new Dictionary<string, string>(), false, "because", Commander.Person, Noon, PolicyVerdict.Free with { Approvals = [new(Role.Approver, 1, true, "a second person")] }));
    }

    private static Run Failed()
    {
        var run = Do(Requested(), new DecideApproval(true, null, Requested().Digest, "", Approver, Noon));
        run = Do(Do(run, new LeaseRun("n", Noon)), new AdvanceRun(1, Noon));
        return Do(run, new FinishStep(1, "one", 1, StepResult.Failed("exit 1", 1), Noon));
    }

    private static Run Do(Run run, RunCommand command) => RunDecider.Decide(run, command).Events.Aggregate(run, Run.Apply);
}
