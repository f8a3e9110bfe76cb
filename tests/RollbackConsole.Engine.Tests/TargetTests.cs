using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Library;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Engine.Incidents;
using RollbackConsole.Engine.Library;
using RollbackConsole.Engine.Plans;
using RollbackConsole.Store.Communication;
using RollbackConsole.Store.Journal;
using RollbackConsole.Store.Runs;
using RollbackConsole.Tests;

namespace RollbackConsole.Engine.Tests;

/// <summary>What a run works on, and what else works there: two commanders at once, other services, incidents that are over.</summary>
public sealed class TargetTests(TestCluster cluster)
{
    private const string Slow = "{plan: slow, title: Slow, steps: [{id: one, uses: script/run, with: {body: 'sleep 300'}}]}";

    [Fact]
    public async Task One_run_works_on_a_service_at_a_time_and_the_second_is_told_by_whom()
    {
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());
        var (first, second) = (await node.Request(Slow), await node.Request(Slow));
        await Approve(node, first);
        await node.Until(first.Id, r => r.Status == RunStatus.Running);
        var refused = await Assert.ThrowsAsync<RefusedException>(() => Approve(node, second));
        Assert.Equal((RefusalKind.Conflict, "'Slow', asked for by Commander, works on shop in production already; wait for its end, or abort it first."), (refused.Refusal.Kind, refused.Refusal.Reason));
        Assert.Equal(RunStatus.AwaitingApproval, (await node.Runs.Get(Node.Commander, second.Id)).Status);
        // Elsewhere, or only asking what would be: nothing stands in the way.
        await Approve(node, await node.Request(Slow.Replace("sleep 300", "true", StringComparison.Ordinal), environment: "staging"));
        await node.Finished((await node.Request(Slow, dryRun: true)).Id);
        await node.Runs.Abort(Node.Commander, first.Id, "it hangs");
        await node.Finished(first.Id);
        await Approve(node, second);
        await node.Until(second.Id, r => r.Status == RunStatus.Running);
        await node.Runs.Abort(Node.Commander, second.Id, "enough");
        await node.Finished(second.Id);
    }

    [Fact]
    public async Task Of_many_approvals_at_the_same_moment_one_starts()
    {
        var database = await cluster.EmptyDatabase();
        await using var a = await Node.Start(database, cluster.Folder(), "node:1");
        await using var b = await Node.Start(database, cluster.Folder(), "node:2");
        var runs = new List<Run>();
        for (var n = 0; n < 6; n++) runs.Add(await a.Request(Slow));
        var answers = await Task.WhenAll(runs.Select((r, n) => Task.Run(async () =>
        {
            try
            {
                await Approve(n % 2 == 0 ? a : b, r);
                return null;
            }
            catch (RefusedException e)
            {
                return e.Refusal;
            }
        })));
        Assert.Single(answers, r => r is null);
        Assert.All(answers.OfType<Refusal>(), r => Assert.Equal(RefusalKind.Conflict, r.Kind));
        var states = new List<Run>();
        foreach (var run in runs) states.Add(await a.Runs.Get(Node.Commander, run.Id));
        // Whoever was refused was refused wholly: nothing of the approval was kept, and it can be given later.
        Assert.All(states.Where(s => s.Status == RunStatus.AwaitingApproval), s => Assert.Empty(s.Approvals));
        Assert.Equal(5, states.Count(s => s.Status == RunStatus.AwaitingApproval));
        await a.Runs.Abort(Node.Commander, states.Single(s => s.Status != RunStatus.AwaitingApproval).Id, "enough");
    }

    [Fact]
    public async Task An_emergency_pressed_twice_is_one_run_and_with_other_values_another_that_has_to_wait()
    {
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());
        await node.Get<PlanLibrary>().Put(Node.Admin, null,
            "{plan: shop-emergency, title: Emergency, service: shop, purpose: emergency, parameters: {version: {required: true}}, steps: [{id: one, uses: script/run, with: {body: 'sleep 300'}}]}", default);
        // A rollback that hangs does not keep the emergency from starting.
        var hanging = await node.RequestAndApprove(Slow);
        var incident = await node.Get<IncidentDesk>().Declare(Node.Commander, "Broken", "shop", "production", null, Level.Critical);
        Task<Run> Press(string version) => node.Requests.Emergency(Node.Commander, incident.Id, PlanPurpose.Emergency, "shop", new Dictionary<string, string> { ["version"] = version }, "orders are lost");
        // Somebody asked for v1 and nobody has approved it: whoever confirms v3 means v3.
        var asked = await node.Requests.Request(Node.Commander, incident.Id, "shop-emergency", null, new Dictionary<string, string> { ["version"] = "v1" }, dryRun: false, "perhaps");
        var run = await Press("v3");
        Assert.Equal(("v3", "orders are lost"), (run.Parameters["version"], run.Glass!.Reason));
        Assert.Equal(RunStatus.AwaitingApproval, (await node.Runs.Get(Node.Commander, asked.Id)).Status);
        await node.Until(run.Id, r => r.Status == RunStatus.Running);
        Assert.Equal(run.Id, (await Press("v3")).Id);
        Assert.Contains("'Emergency', asked for by Commander, works on shop", (await Assert.ThrowsAsync<RefusedException>(() => Press("v4"))).Refusal.Reason, StringComparison.Ordinal);
        Assert.Equal(RunStatus.Running, (await node.Runs.Get(Node.Commander, hanging.Id)).Status);
        foreach (var id in new[] { run.Id, hanging.Id }) await node.Runs.Abort(Node.Commander, id, "enough");
        await node.Finished(run.Id);
    }

    [Fact]
    public async Task A_plan_about_another_service_works_on_that_one_and_is_only_for_those_who_may_see_it()
    {
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());
        foreach (var (service, tenant) in new[] { ("theirs", "north"), ("ours", "south") })
            await node.Get<DocumentLibrary>().Put(Node.Admin, LibraryKind.Catalog, null, $"apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {{name: {service}}}\nspec:\n  operations: {{tenant: {tenant}}}", Arrival.Put, default);
        await node.Get<PlanLibrary>().Put(Node.Admin, null, "{plan: about-ours, title: About ours, service: ours, steps: [{id: one, uses: command/run, with: {argv: [echo, '{{service}}']}}]}", default);
        var north = new Actor("n", "North", [Role.Commander, Role.Approver], ["tenant:north"]);
        var incident = await node.Get<IncidentDesk>().Declare(north, "Broken", "theirs", "production", null, Level.High);
        Task<Run> Request(Actor by) => node.Requests.Request(by, incident.Id, "about-ours", null, new Dictionary<string, string>(), dryRun: false, "because");
        Assert.Equal(RefusalKind.NotFound, (await Assert.ThrowsAsync<RefusedException>(() => Request(north))).Refusal.Kind);
        var run = await Request(Node.Commander);
        Assert.Equal("ours", run.Service);
        Assert.Equal(RefusalKind.NotFound, (await Assert.ThrowsAsync<RefusedException>(() => node.Runs.Get(north, run.Id))).Refusal.Kind);
        await Approve(node, run);
        await node.Finished(run.Id);
        Assert.Equal(["ours"], await node.Lines(run.Id));
    }

    [Fact]
    public async Task Nothing_starts_for_an_incident_that_is_over()
    {
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());
        var desk = node.Get<IncidentDesk>();
        var run = await node.Request(Slow);
        await desk.Resolve(Node.Commander, run.IncidentId, "gone by itself");
        Assert.Contains("it waits for approval", (await Assert.ThrowsAsync<RefusedException>(() => desk.Close(Node.Commander, run.IncidentId))).Refusal.Reason, StringComparison.Ordinal);
        Assert.Contains("was resolved after this was asked for", (await Assert.ThrowsAsync<RefusedException>(() => Approve(node, run))).Refusal.Reason, StringComparison.Ordinal);
        Assert.Contains("was resolved after this was asked for", (await Assert.ThrowsAsync<RefusedException>(() => node.Approvals.BreakGlass(Node.Commander, run.Id, run.Digest, "fire"))).Refusal.Reason, StringComparison.Ordinal);
        // A no still ends it; then the incident closes, and nothing can be asked for any more.
        await node.Approvals.Decide(Node.Approver, run.Id, false, null, run.Digest, "over");
        Assert.Equal(IncidentStatus.Closed, (await desk.Close(Node.Commander, run.IncidentId)).Status);
        Assert.Contains("is closed", (await Assert.ThrowsAsync<RefusedException>(() => node.Requests.Request(Node.Commander, run.IncidentId, "slow", null, new Dictionary<string, string>(), false, "late"))).Refusal.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_waits_for_its_window_is_judged_by_the_policies_of_the_moment_and_called_off_when_its_incident_is_over()
    {
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());
        // A window that is not open now, whenever this test runs.
        var opens = TimeProvider.System.GetUtcNow().AddHours(12);
        Task Policies(string more) => node.Get<DocumentLibrary>().Put(Node.Admin, LibraryKind.Policies, null,
            $"policy: hours\ntitle: Hours\nrules:\n  - {{ id: window, because: At night., require: {{ window: {{ from: '{opens:HH:mm}', to: '{opens.AddHours(1):HH:mm}' }} }} }}\n{more}", Arrival.Put, default);
        await Policies("");
        var run = await node.Request(Slow);
        run = await Approve(node, run);
        Assert.True(run.WaitsForWindow(TimeProvider.System.GetUtcNow()));
        // Meanwhile nobody may go without approval any more: the verdict of the approval is not the verdict of the start.
        await Policies("  - { id: never, because: Never., require: { break-glass: { allowed: false } } }");
        Assert.Equal(RefusalKind.Forbidden, (await Assert.ThrowsAsync<RefusedException>(() => node.Approvals.BreakGlass(Node.Commander, run.Id, run.Digest, "fire"))).Refusal.Kind);
        await Policies("");
        // A yes that is taken back does not stumble over the place that the run itself holds.
        var second = await Approve(node, await node.Request(Slow, environment: "staging"));
        Assert.Equal(RunOutcome.Rejected, (await node.Approvals.Decide(Node.Approver, second.Id, false, null, second.Digest, "I looked again")).Outcome);
        await node.Get<IncidentDesk>().Resolve(Node.Commander, run.IncidentId, "gone by itself");
        // The window opens: whoever comes to begin looks around first.
        await node.Get<Engine.Jobs.IRunJobs>().Wake(run.Id, default);
        var ended = await node.Finished(run.Id);
        Assert.Equal((RunOutcome.Expired, true), (ended.Outcome!.Value, ended.Summary.Contains("was resolved before it began", StringComparison.Ordinal)));
        Assert.Null(await node.Get<RunRows>().AtWork("shop", "production", PlanPurpose.Rollback));
    }

    [Fact]
    public async Task Two_commanders_who_press_the_emergency_at_once_start_one_and_leave_nothing_behind()
    {
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());
        await node.Get<PlanLibrary>().Put(Node.Admin, null, "{plan: shop-emergency, title: Emergency, service: shop, purpose: emergency, steps: [{id: one, uses: script/run, with: {body: 'sleep 300'}}]}", default);
        var incident = await node.Get<IncidentDesk>().Declare(Node.Commander, "Broken", "shop", "production", null, Level.Critical);
        var runs = await Task.WhenAll(Enumerable.Range(0, 4).Select(n => Task.Run(() =>
            node.Requests.Emergency(new Actor($"c{n}", $"C{n}", [Role.Commander], []), incident.Id, PlanPurpose.Emergency, "shop", new Dictionary<string, string>(), "orders are lost"))));
        var id = Assert.Single(runs.Select(r => r.Id).Distinct());
        Assert.Equal(id, Assert.Single(await node.Get<RunRows>().Unfinished(incident.Id)).Id);
        // Whatever was taken back, the decision stands: the rollback is under way.
        Assert.False((await State(node, runs[0])).ClockRuns);
        await node.Runs.Abort(Node.Commander, id, "enough");
        await node.Finished(id);
    }

    [Fact]
    public async Task A_request_that_a_commander_ends_before_it_began_opens_the_decision_again()
    {
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());
        var run = await node.Request(Slow);
        Assert.False((await State(node, run)).ClockRuns);
        Assert.Equal(RunOutcome.Aborted, (await node.Runs.Abort(Node.Commander, run.Id, "wrong plan")).Outcome);
        Assert.True((await State(node, run)).ClockRuns);
    }

    [Fact]
    public async Task An_open_gate_is_in_the_inbox_and_told_to_the_channels_of_the_policy()
    {
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());
        await node.Get<DocumentLibrary>().Put(Node.Admin, LibraryKind.Policies, null, "policy: told\ntitle: Told\nrules:\n  - { id: chat, because: All hear., require: { notify: [chat] } }", Arrival.Put, default);
        var run = await node.RequestAndApprove("{plan: gated, title: Gated, steps: [{id: gate, uses: approval/gate, with: {group: platform_lead, question: Fine}}]}");
        await node.Until(run.Id, r => r.OpenGates.Any());
        var waiting = Assert.Single(await node.Get<RunRows>().AwaitingApproval());
        Assert.Equal((run.Id, RunStatus.Running, "platform_lead"), (waiting.Id, waiting.Status, waiting.Missing));
        Assert.Contains(await node.Get<Outbox>().OfIncident(run.IncidentId), d => d.Payload.Contains("run-gate", StringComparison.Ordinal) && d.Payload.Contains("platform_lead", StringComparison.Ordinal));
        // People take longer than programs: no default time ends the question.
        Assert.Equal(PlanReader.LongestTimeout, run.Find("gate")!.Step.Timeout);
        await node.Approvals.AnswerGate(new Actor("lead", "Lead", [Role.Approver], ["platform_lead"]), run.Id, "gate", true, "", null, null);
        await node.Finished(run.Id);
        Assert.Empty(await node.Get<RunRows>().AwaitingApproval());
    }

    [Fact]
    public async Task Whoever_asked_for_a_run_without_approval_does_not_review_it()
    {
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());
        var asker = new Actor("asker", "Asker", [Role.Responder, Role.Approver], []);
        var run = await node.Request("{plan: quick, title: Quick, steps: [{id: one, uses: command/run, with: {argv: [/bin/true]}}]}", by: asker);
        await node.Approvals.BreakGlass(Node.Commander, run.Id, run.Digest, "fire");
        var desk = node.Get<IncidentDesk>();
        Assert.Contains("You asked for this run", (await Assert.ThrowsAsync<RefusedException>(() => desk.Review(asker, run.IncidentId, run.Id, "fine"))).Refusal.Reason, StringComparison.Ordinal);
        Assert.NotNull((await desk.Review(Node.Approver, run.IncidentId, run.Id, "fine")).Reviews[run.Id].Done);
    }

    private static Task<Run> Approve(Node node, Run run) => node.Approvals.Decide(Node.Approver, run.Id, true, null, run.Digest, "");

    private static async Task<Incident> State(Node node, Run run) => (await node.Get<EventJournal>().Load(Streams.Incidents, run.IncidentId)).State;
}
