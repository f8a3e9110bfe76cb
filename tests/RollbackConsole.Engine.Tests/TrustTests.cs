using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Library;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Engine.Incidents;
using RollbackConsole.Engine.Library;
using RollbackConsole.Engine.Plans;
using RollbackConsole.Engine.Runs;
using RollbackConsole.Steps;
using RollbackConsole.Store.Communication;
using RollbackConsole.Store.Journal;
using RollbackConsole.Tests;

namespace RollbackConsole.Engine.Tests;

/// <summary>Approvals, failure paths and hand-overs through the real engine on a real PostgreSQL.</summary>
public sealed class TrustTests(TestCluster cluster)
{
    [Fact]
    public async Task A_node_that_stops_finishes_the_step_that_runs_and_hands_the_rest_over()
    {
        var connection = await cluster.EmptyDatabase();
        var counter = Path.Combine(cluster.Folder(), "count");
        var go = Path.Combine(cluster.Folder(), "go");
        var first = await Node.Start(connection, cluster.Folder(), "node:1", Node.LongLease, handOver: TimeSpan.FromSeconds(15));
        var run = await first.RequestAndApprove($$"""
            plan: handed
            title: Handed over
            steps:
              - { id: one, uses: script/run, with: { body: "echo one >> {{counter}}; while [ ! -e {{go}} ]; do sleep 0.1; done; echo one-done >> {{counter}}" } }
              - { id: two, uses: script/run, with: { body: "echo two >> {{counter}}" } }
            """);
        await first.Until(run.Id, _ => File.Exists(counter));
        await using var second = await Node.Start(connection, cluster.Folder(), "node:2", Node.LongLease);
        var begun = first.Stopping();
        var stopping = first.DisposeAsync();
        await begun;
        // The step ends while its node is stopping; the other services stop before the scheduler tells the run.
        await Task.Delay(3000, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(go, "");
        await stopping;
        var done = await second.Finished(run.Id);
        Assert.Equal((RunOutcome.Succeeded, 2), (done.Outcome!.Value, done.Epoch));
        Assert.All(done.Steps, s => Assert.Equal(1, s.Attempt));
        Assert.Equal(["one", "one-done", "two"], await File.ReadAllLinesAsync(counter));
        Assert.Contains(await second.Get<EventJournal>().Read(0, 500, "run/" + run.Id), e => e.Event is RunHandedOver);
    }

    [Fact]
    public async Task A_gate_in_the_middle_waits_across_a_change_of_nodes()
    {
        var connection = await cluster.EmptyDatabase();
        var first = await Node.Start(connection, cluster.Folder(), "node:1", Node.LongLease);
        var run = await first.RequestAndApprove("""
            plan: gated
            title: Gated
            steps:
              - { id: one, uses: command/run, with: { argv: [/bin/true] } }
              - { id: gate, uses: approval/gate, with: { group: platform_lead, question: Does the canary look right } }
              - { id: two, uses: command/run, with: { argv: [/bin/true] } }
            """);
        await first.Until(run.Id, r => r.Find("gate")!.Status == StepStatus.Running);
        await using var second = await Node.Start(connection, cluster.Folder(), "node:2", Node.LongLease);
        await first.DisposeAsync();
        var moved = await second.Until(run.Id, r => r is { Epoch: 2 } && r.Find("gate")!.Status == StepStatus.Running);
        Assert.Equal("node:2", moved.Node);
        var lead = new Actor("lead", "Lead", [Role.Approver], ["platform_lead"]);
        await Assert.ThrowsAsync<RefusedException>(() => second.Approvals.AnswerGate(Node.Approver, run.Id, "gate", true, "", null, null));
        await second.Approvals.AnswerGate(lead, run.Id, "gate", true, "looks right", null, null);
        Assert.Equal(RunOutcome.Succeeded, (await second.Finished(run.Id)).Outcome);
    }

    [Fact]
    public async Task A_recovery_that_fails_runs_the_emergency_steps_for_real()
    {
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());
        var counter = Path.Combine(cluster.Folder(), "count");
        var run = await node.RequestAndApprove($$"""
            plan: worst
            title: Worst case
            steps:
              - { id: one, uses: script/run, with: { body: "echo one >> {{counter}}" }, undo: { uses: script/run, with: { body: "echo undo >> {{counter}}; exit 3" } } }
              - { id: two, uses: script/run, on-failure: recover, with: { body: "exit 1" } }
            recovery:
              - { id: forward, uses: script/run, with: { body: "echo never >> {{counter}}" } }
            emergency:
              - { id: stop-traffic, uses: script/run, with: { body: "echo stopped >> {{counter}}" } }
            """);
        var done = await node.Finished(run.Id);
        Assert.Equal(RunOutcome.Failed, done.Outcome);
        Assert.StartsWith("EMERGENCY", done.Summary, StringComparison.Ordinal);
        Assert.Equal(["one", "undo", "stopped"], await File.ReadAllLinesAsync(counter));
        // And somebody above is called, in the commit in which it began.
        var called = (await node.Get<EventJournal>().Read(0, 500, "incident/" + run.IncidentId)).Select(e => e.Event).OfType<IncidentEscalated>().Last();
        Assert.Equal(2, called.Level);
        Assert.Contains("the recovery of 'Worst case' failed and its emergency procedure began", called.Because, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_step_is_left_out_when_its_condition_does_not_hold_and_what_hangs_on_it_goes_on()
    {
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());
        var run = await node.RequestAndApprove("""
            plan: careful
            title: Careful
            steps:
              - { id: safe, uses: script/run, with: { body: 'echo "safe=false" >> "$ROLLBACK_CONSOLE_OUTPUTS"' } }
              - { id: database, uses: script/run, if: '{{steps.safe.outputs.safe}}', with: { body: "exit 1" } }
              - { id: after, uses: command/run, with: { argv: [/bin/true] } }
            """);
        var done = await node.Finished(run.Id);
        Assert.Equal((RunOutcome.Succeeded, StepStatus.Skipped), (done.Outcome!.Value, done.Find("database")!.Status));
        Assert.Contains(await node.Lines(run.Id), l => l.Contains("its condition says 'false'", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Breaking_the_glass_starts_the_run_tells_everybody_and_owes_a_review()
    {
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());
        var run = await node.Request("{plan: fire, title: Fire, steps: [{id: one, uses: command/run, with: {argv: [/bin/true]}}]}");
        await Assert.ThrowsAsync<RefusedException>(() => node.Approvals.BreakGlass(Node.Approver, run.Id, run.Digest, "fire"));
        await node.Approvals.BreakGlass(Node.Commander, run.Id, run.Digest, "nobody answers and orders are lost");
        var done = await node.Finished(run.Id);
        Assert.Equal(RunOutcome.Succeeded, done.Outcome);
        Assert.Equal(["approver"], done.Glass!.Missing);
        var told = (await node.Get<Outbox>().OfIncident(run.IncidentId)).Where(d => d.Payload.Contains("break-glass", StringComparison.Ordinal)).ToList();
        // Every contact with a channel, whatever their level.
        Assert.Equal(4, told.Count);
        var incident = (await node.Get<EventJournal>().Load(Streams.Incidents, run.IncidentId)).State;
        Assert.Equal(incident.Reviews[run.Id].Due.DueAt, done.Glass.ReviewBy);
        await Assert.ThrowsAsync<RefusedException>(() => node.Get<IncidentDesk>().Review(Node.Commander, incident.Id, run.Id, "was right"));
        Assert.NotNull((await node.Get<IncidentDesk>().Review(Node.Approver, incident.Id, run.Id, "was right")).Reviews[run.Id].Done);
    }

    [Fact]
    public async Task An_emergency_is_one_confirmed_action_that_names_its_service()
    {
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());
        await node.Get<PlanLibrary>().Put(Node.Admin, null, "{plan: shop-stop, title: Stop, service: shop, purpose: circuit-breaker, steps: [{id: one, uses: command/run, with: {argv: [/bin/true]}}]}", default);
        var incident = await node.Get<IncidentDesk>().Declare(Node.Commander, "Broken", "shop", "production", null, Domain.Severity.Level.Critical);
        Task<Run> Press(string confirm, PlanPurpose purpose) => node.Requests.Emergency(Node.Commander, incident.Id, purpose, confirm, new Dictionary<string, string>(), "orders are lost");
        Assert.Equal("confirm", (await Assert.ThrowsAsync<RefusedException>(() => Press("Shop", PlanPurpose.CircuitBreaker))).Refusal.Field);
        Assert.Equal(RefusalKind.NotFound, (await Assert.ThrowsAsync<RefusedException>(() => Press("shop", PlanPurpose.Emergency))).Refusal.Kind);
        var run = await Press("shop", PlanPurpose.CircuitBreaker);
        Assert.NotNull(run.Glass);
        Assert.Equal(RunOutcome.Succeeded, (await node.Finished(run.Id)).Outcome);
        // Where the policy does not let anybody go alone, the same press only asks.
        await node.Get<DocumentLibrary>().Put(Node.Admin, LibraryKind.Policies, null, "policy: strict\ntitle: Strict\nrules:\n  - { id: never, because: Never., require: { break-glass: { allowed: false } } }", Arrival.Put, default);
        Assert.Equal(RunStatus.AwaitingApproval, (await Press("shop", PlanPurpose.CircuitBreaker)).Status);
    }

    [Fact]
    public async Task A_policy_that_changes_after_the_request_holds_for_the_approval_and_refuses_the_stale_one()
    {
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());
        var run = await node.Request("{plan: calm, title: Calm, steps: [{id: one, uses: command/run, with: {argv: [/bin/true]}}]}");
        await node.Get<DocumentLibrary>().Put(Node.Admin, LibraryKind.Policies, null,
            "policy: strict\ntitle: Strict\nrules:\n  - { id: lead, because: A lead looks., require: { approvals: [{ group: platform_lead }] } }", Arrival.Put, default);
        var half = await node.Approvals.Decide(Node.Approver, run.Id, true, null, run.Digest, "");
        Assert.Equal(RunStatus.AwaitingApproval, half.Status);
        Assert.Contains(half.Requirements, r => r.Group == "platform_lead");
        await node.Approvals.Decide(new Actor("lead", "Lead", [Role.Approver], ["platform_lead"]), run.Id, true, null, run.Digest, "");
        Assert.Equal(RunOutcome.Succeeded, (await node.Finished(run.Id)).Outcome);
    }

    [Fact]
    public async Task A_plan_about_another_service_answers_for_that_one()
    {
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());
        await node.Get<DocumentLibrary>().Put(Node.Admin, LibraryKind.Catalog, null, "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: bank}\nspec:\n  operations: {industry: banking}", Arrival.Put, default);
        // The incident is about "shop", which the catalog does not know; the plan is the bank's.
        var run = await node.Request("{plan: sly, title: Sly, service: bank, steps: [{id: one, uses: command/run, with: {argv: [/bin/true]}}]}");
        Assert.Contains(run.Requirements, r => r.Group == "regulatory_liaison");
        Assert.False(run.Policy.BreakGlass);
        Assert.Equal("run.requested", (await node.Get<EventJournal>().Read(0, 500, "run/" + run.Id))[0].Kind);
    }

    [Fact]
    public async Task The_channels_that_a_policy_names_hear_of_the_request_and_of_the_end()
    {
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());
        await node.Get<DocumentLibrary>().Put(Node.Admin, LibraryKind.Policies, null, "policy: loud\ntitle: Loud\nrules:\n  - { id: all, because: They want to know., require: { notify: [chat, pager] } }", Arrival.Put, default);
        var run = await node.RequestAndApprove("{plan: heard, title: Heard, steps: [{id: one, uses: command/run, with: {argv: [/bin/true]}}]}");
        await node.Finished(run.Id);
        var told = (await node.Get<Outbox>().OfIncident(run.IncidentId)).Where(d => d.Channel is "chat" or "pager").Select(d => d.Id[run.Id.Length..]).Order(StringComparer.Ordinal);
        Assert.Equal(["-run-finished-chat", "-run-finished-pager", "-run-requested-chat", "-run-requested-pager"], told);
    }

    [Fact]
    public async Task A_request_that_nobody_answers_expires_and_opens_the_decision_again()
    {
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());
        await node.Get<DocumentLibrary>().Put(Node.Admin, LibraryKind.Policies, null, "policy: quick\ntitle: Quick\nrules:\n  - { id: now, because: Now or never., require: { expires: 1s } }", Arrival.Put, default);
        var run = await node.Request("{plan: late, title: Late, steps: [{id: one, uses: command/run, with: {argv: [/bin/true]}}]}");
        Assert.Equal(RunOutcome.Expired, (await node.Finished(run.Id)).Outcome);
        Assert.Null((await node.Get<EventJournal>().Load(Streams.Incidents, run.IncidentId)).State.DecidedAt);
    }

    [Fact]
    public async Task Development_counts_only_where_the_catalog_and_the_plan_say_so()
    {
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());
        const string Yaml = "{plan: dev, title: Dev, steps: [{id: one, uses: command/run, with: {argv: [/bin/true]}}]}";
        Assert.NotEqual(RunStatus.AwaitingApproval, (await node.Request(Yaml, environment: "development")).Status);
        Assert.Equal(RunStatus.AwaitingApproval, (await node.Request(Yaml.Replace("title: Dev", "title: Dev, service: payments", StringComparison.Ordinal), environment: "development")).Status);
        await node.Get<DocumentLibrary>().Put(Node.Admin, LibraryKind.Catalog, null, "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: shop}\nspec:\n  operations: {environments: [production]}", Arrival.Put, default);
        Assert.Equal(RunStatus.AwaitingApproval, (await node.Request(Yaml, environment: "development")).Status);
    }

    [Fact]
    public async Task A_migration_that_was_interrupted_is_asked_by_its_transaction()
    {
        var connection = await cluster.EmptyDatabase();
        var folder = cluster.Folder();
        var target = await cluster.EmptyDatabase();
        (string, string)[] settings = [("Targets:Databases:shop", target)];
        await using (var source = Npgsql.NpgsqlDataSource.Create(target))
        await using (var command = source.CreateCommand("create table t (n int)")) await command.ExecuteNonQueryAsync();
        var first = await Node.Start(connection, folder, "node:1", settings: settings);
        var run = await first.RequestAndApprove("{plan: migrate, title: Migrate, steps: [{id: change, uses: postgres/migrate, with: {database: shop, sql: 'insert into t values (1); select pg_sleep(12)'}}]}");
        await first.Until(run.Id, r => File.Exists(Path.Combine(folder, "runs", run.Id, "change-1.transaction")));
        await Task.Delay(1000, TestContext.Current.CancellationToken);
        await first.DisposeAsync();
        await using var second = await Node.Start(connection, folder, "node:1", settings: settings);
        await second.Until(run.Id, r => r.Find("change")!.Attempt == 2);
        Assert.Contains(await second.Lines(run.Id), l => l.Contains("was rolled back", StringComparison.Ordinal));
        var done = await second.Finished(run.Id);
        Assert.Equal(RunOutcome.Succeeded, done.Outcome);
        // Asked about the attempt that went through, the server says so.
        var (finding, summary) = await second.Get<IStepRunner>().Probe(done, Incident.None, done.Find("change")!, new NoLines(), default);
        Assert.True(finding == ProbeFinding.TookEffect, summary);
        await using (var source = Npgsql.NpgsqlDataSource.Create(target))
        await using (var count = source.CreateCommand("select count(*) from t")) Assert.Equal(1L, await count.ExecuteScalarAsync());
        // Statements that end transactions themselves cannot be asked about.
        var own = await second.RequestAndApprove("{plan: own, title: Own, steps: [{id: change, uses: postgres/migrate, with: {database: shop, sql: 'insert into t values (2); commit; select 1'}}]}");
        done = await second.Finished(own.Id);
        Assert.Equal(ProbeFinding.CannotTell, (await second.Get<IStepRunner>().Probe(done, Incident.None, done.Find("change")!, new NoLines(), default)).Finding);
    }

    private sealed class NoLines : IStepLog
    {
        public ValueTask Write(string stream, string text) => ValueTask.CompletedTask;
    }
}
