using System.Diagnostics;
using Npgsql;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Engine.Jobs;
using RollbackConsole.Store.Embedded;
using RollbackConsole.Store.Journal;
using RollbackConsole.Store.Runs;
using RollbackConsole.Tests;

namespace RollbackConsole.Engine.Tests;

public sealed class RunExecutionTests(TestCluster cluster)
{
    private async Task<Node> OneNode(params (string, string)[] settings) => await Node.Start(await cluster.EmptyDatabase(), cluster.Folder(), settings: settings);

    [Fact]
    public async Task An_approved_run_executes_in_order_and_keeps_its_lines()
    {
        await using var node = await OneNode();
        var run = await node.RequestAndApprove("""
            plan: two
            title: Two
            parameters: { who: { required: true } }
            steps:
              - { id: first, uses: script/run, with: { body: "echo one; echo two >&2; echo greeting=hi > $ROLLBACK_CONSOLE_OUTPUTS" } }
              - { id: second, uses: command/run, with: { argv: [echo, '{{steps.first.outputs.greeting}} {{parameters.who}}'] } }
            """, new() { ["who"] = "$(whoami); `id`" });
        var done = await node.Finished(run.Id);
        Assert.Equal(RunOutcome.Succeeded, done.Outcome);
        Assert.Equal("hi $(whoami); `id`", (await node.Lines(run.Id))[^1]);
        var seqs = (await node.Get<LogLines>().After(run.Id, 0, 100)).Select(l => l.Seq).ToList();
        Assert.Equal(Enumerable.Range(1, seqs.Count).Select(n => (long)n), seqs);
        Assert.True((await ChainVerifier.Verify(node.Get<EventJournal>(), default)).Holds);
    }

    [Fact]
    public async Task Nothing_runs_before_the_approval_and_a_rejected_run_never_does()
    {
        await using var node = await OneNode();
        var marker = Path.Combine(cluster.Folder(), "ran");
        var run = await node.Request($$"""
            plan: touch
            title: Touch
            steps: [{ id: touch, uses: command/run, with: { argv: [touch, '{{marker}}'] } }]
            """);
        await node.Get<IRunJobs>().Wake(run.Id, default);
        await Task.Delay(800, TestContext.Current.CancellationToken);
        Assert.False(File.Exists(marker));
        await node.Approvals.Decide(Node.Approver, run.Id, false, null, run.Digest, "not now");
        await Assert.ThrowsAsync<RefusedException>(() => node.Approvals.Decide(Node.Approver, run.Id, true, null, run.Digest, ""));
        await Task.Delay(800, TestContext.Current.CancellationToken);
        Assert.False(File.Exists(marker));
    }

    [Fact]
    public async Task Two_approvers_at_once_start_the_run_once()
    {
        await using var node = await OneNode();
        var counter = Path.Combine(cluster.Folder(), "count");
        var run = await node.Request($$"""
            plan: count
            title: Count
            steps: [{ id: count, uses: script/run, with: { body: "echo x >> {{counter}}" } }]
            """);
        var second = Node.Approver with { Id = "approver-2", Name = "Second" };
        var answers = await Task.WhenAll(new[] { Node.Approver, second }.Select(async a =>
        {
            try
            {
                await node.Approvals.Decide(a, run.Id, true, null, run.Digest, "");
                return (RefusalKind?)null;
            }
            catch (RefusedException e)
            {
                return e.Refusal.Kind;
            }
        }));
        Assert.Equal([null, RefusalKind.Conflict], answers.Order());
        await node.Finished(run.Id);
        Assert.Single(await File.ReadAllLinesAsync(counter));
    }

    [Fact]
    public async Task A_dry_run_says_what_it_would_do_and_does_nothing()
    {
        await using var node = await OneNode();
        var marker = Path.Combine(cluster.Folder(), "ran");
        var run = await node.Request($$"""
            plan: dry
            title: Dry
            steps:
              - { id: touch, uses: command/run, with: { argv: [touch, '{{marker}}'] } }
              - { id: look, uses: confirm/checklist, with: { items: [Look] } }
            """, dryRun: true);
        Assert.Equal(RunOutcome.Succeeded, (await node.Finished(run.Id)).Outcome);
        Assert.False(File.Exists(marker));
        Assert.Contains($"Would: Runs touch {marker}", await node.Lines(run.Id));
    }

    [Fact]
    public async Task A_timeout_ends_the_process_with_its_children_and_asks_for_a_decision()
    {
        await using var node = await OneNode();
        var file = Path.Combine(cluster.Folder(), "child");
        var run = await node.RequestAndApprove($$"""
            plan: slow
            title: Slow
            steps: [{ id: slow, uses: script/run, timeout: 5s, with: { body: "sleep 300 & echo $! > {{file}}; wait" } }]
            """);
        var state = await node.Until(run.Id, r => r.Status == RunStatus.NeedsDecision);
        Assert.Contains("Timed out after 5s", state.Find("slow")!.Summary, StringComparison.Ordinal);
        var child = (await File.ReadAllTextAsync(file)).Trim();
        // A killed process may be listed for a moment longer.
        for (var tries = 0; Running(child); tries++)
        {
            Assert.True(tries < 100, "The step's child still runs.");
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }
        await node.Runs.Skip(Node.Commander, run.Id, "slow", "not needed");
        Assert.Equal(RunOutcome.Partial, (await node.Finished(run.Id)).Outcome);
    }

    [Fact]
    public async Task An_abort_ends_running_processes_and_says_what_was_left()
    {
        await using var node = await OneNode();
        var file = Path.Combine(cluster.Folder(), "pid");
        var run = await node.RequestAndApprove($$"""
            plan: long
            title: Long
            steps:
              - { id: long, uses: script/run, with: { body: "echo $$ > {{file}}; sleep 300" } }
              - { id: never, uses: command/run, with: { argv: ['true'] } }
            """);
        await node.Until(run.Id, r => r.StatusIs("long", StepStatus.Running) && File.Exists(file) && new FileInfo(file).Length > 1);
        await node.Runs.Abort(Node.Commander, run.Id, "wrong plan");
        var done = await node.Finished(run.Id);
        Assert.Equal((RunOutcome.Aborted, StepStatus.Canceled, StepStatus.Pending), (done.Outcome!.Value, done.Find("long")!.Status, done.Find("never")!.Status));
        Assert.Contains("never", done.Summary, StringComparison.Ordinal);
        Assert.False(Running((await File.ReadAllTextAsync(file)).Trim()));
        await Assert.ThrowsAsync<RefusedException>(() => node.Runs.Abort(Node.Commander, run.Id, "again"));
    }

    [Fact]
    public async Task A_step_that_fails_at_first_is_tried_again_after_its_delay()
    {
        await using var node = await OneNode();
        var file = Path.Combine(cluster.Folder(), "tries");
        var run = await node.RequestAndApprove($$"""
            plan: flaky
            title: Flaky
            steps: [{ id: flaky, uses: script/run, retry: { attempts: 3, delay: 200ms }, with: { body: "echo x >> {{file}}; [ $(wc -l < {{file}}) -ge 3 ]" } }]
            """);
        var done = await node.Finished(run.Id);
        Assert.Equal((RunOutcome.Succeeded, 3), (done.Outcome!.Value, done.Find("flaky")!.Attempt));
    }

    [Fact]
    public async Task A_checklist_waits_for_a_person_and_then_the_run_goes_on()
    {
        await using var node = await OneNode();
        var run = await node.RequestAndApprove("""
            plan: look
            title: Look
            steps:
              - { id: look, uses: confirm/checklist, with: { items: [Traffic is back, Nobody complains] } }
              - { id: after, uses: command/run, with: { argv: ['true'] } }
            """);
        await node.Until(run.Id, r => r.StatusIs("look", StepStatus.Running));
        await Assert.ThrowsAsync<RefusedException>(() => node.Runs.Confirm(Node.Commander, run.Id, "look", ["Traffic is back"]));
        await node.Runs.Confirm(Node.Commander, run.Id, "look", ["Traffic is back", "Nobody complains"]);
        Assert.Equal(RunOutcome.Succeeded, (await node.Finished(run.Id)).Outcome);
    }

    [Fact]
    public async Task A_value_that_cannot_be_rendered_is_an_error_not_a_failure()
    {
        await using var node = await OneNode();
        var run = await node.RequestAndApprove("""
            plan: bad
            title: Bad
            steps:
              - { id: first, uses: command/run, with: { argv: ['true'] } }
              - { id: second, uses: command/run, with: { argv: [echo, '{{steps.first.outputs.nothing}}'] } }
            """);
        var state = await node.Until(run.Id, r => r.Status == RunStatus.NeedsDecision);
        Assert.Equal(StepStatus.Error, state.Find("second")!.Status);
    }

    [Fact]
    public async Task An_approved_run_without_a_job_is_found_by_the_reconciler()
    {
        await using var node = await OneNode();
        var run = await node.Request("""
            plan: found
            title: Found
            steps: [{ id: one, uses: command/run, with: { argv: ['true'] } }]
            """);
        // As after a crash between the approval and its job: the journal says queued, no scheduler knows.
        var journal = node.Get<EventJournal>();
        await journal.Execute(Streams.Runs, run.Id, s => RunDecider.Decide(s, new DecideApproval(true, null, run.Digest, "", Node.Approver, TimeProvider.System.GetUtcNow())), Node.Approver.Person, TimeProvider.System.GetUtcNow());
        Assert.Equal(RunOutcome.Succeeded, (await node.Finished(run.Id)).Outcome);
    }

    [Fact]
    public async Task A_zero_character_in_a_line_or_an_output_strands_nothing()
    {
        await using var node = await OneNode();
        var run = await node.RequestAndApprove("""
            plan: zero
            title: Zero
            steps: [{ id: zero, uses: script/run, with: { body: "printf 'a\\0b\\n'; printf 'x=1\\0\\n' > $ROLLBACK_CONSOLE_OUTPUTS" } }]
            """);
        Assert.Equal(RunOutcome.Succeeded, (await node.Finished(run.Id)).Outcome);
        Assert.Contains("a\uFFFDb", await node.Lines(run.Id));
    }

    [Fact]
    public async Task A_log_that_cannot_be_stored_lets_the_run_go_and_it_is_taken_anew()
    {
        await using var node = await OneNode();
        var go = Path.Combine(cluster.Folder(), "go");
        var run = await node.RequestAndApprove($$"""
            plan: nolog
            title: No log
            steps: [{ id: talk, uses: script/run, effect: idempotent, with: { body: "while [ ! -e {{go}} ]; do sleep 0.1; done; echo hello" } }]
            """);
        await node.Until(run.Id, r => r.StatusIs("talk", StepStatus.Running));
        await Execute("alter table log_lines rename to log_lines_away");
        await File.WriteAllTextAsync(go, "");
        // The session ends instead of holding the run for ever: the next one comes with a new epoch.
        await node.Until(run.Id, r => r.Epoch >= 2);
        await Execute("alter table log_lines_away rename to log_lines");
        Assert.Equal(RunOutcome.Succeeded, (await node.Finished(run.Id)).Outcome);
        Assert.Contains("hello", await node.Lines(run.Id));

        async Task Execute(string sql)
        {
            await using var command = node.Get<NpgsqlDataSource>().CreateCommand(sql);
            await command.ExecuteNonQueryAsync();
        }
    }

    [Fact]
    public async Task A_dry_run_of_the_shipped_plan_s_shape_needs_no_outputs()
    {
        await using var node = await OneNode();
        var run = await node.Request("""
            plan: outputs
            title: Outputs
            steps:
              - { id: one, uses: command/run, with: { argv: ['true'] } }
              - { id: two, uses: http/check, with: { url: '{{steps.one.outputs.url}}/health' } }
            """, dryRun: true);
        Assert.Equal(RunOutcome.Succeeded, (await node.Finished(run.Id)).Outcome);
        Assert.Contains("Would: Asks GET ‹url of one›/health", await node.Lines(run.Id));
    }

    [Fact]
    public async Task Forty_thousand_lines_arrive_complete_and_in_order()
    {
        await using var node = await OneNode();
        var run = await node.RequestAndApprove("""
            plan: chatty
            title: Chatty
            steps: [{ id: talk, uses: command/run, with: { argv: [seq, '1', '40000'] } }]
            """);
        await node.Finished(run.Id);
        Assert.Equal(Enumerable.Range(1, 40000).Select(n => $"{n}"), await node.Lines(run.Id));
    }

    [Fact]
    public async Task A_node_that_cannot_wait_any_longer_leaves_a_once_step_to_a_person()
    {
        var connection = await cluster.EmptyDatabase();
        var counter = Path.Combine(cluster.Folder(), "count");
        var first = await Node.Start(connection, cluster.Folder(), "node:1", Node.LongLease);
        var run = await first.RequestAndApprove($$"""
            plan: handed
            title: Handed over
            steps:
              - { id: again, uses: script/run, effect: idempotent, with: { body: "echo again >> {{counter}}; [ $(grep -cx again {{counter}}) -ge 2 ] || sleep 300" } }
              - { id: once, uses: script/run, effect: once, needs: [], with: { body: "echo once >> {{counter}}; sleep 300" } }
            """);
        await first.Until(run.Id, r => File.Exists(counter) && File.ReadAllLines(counter).Length >= 2);
        await using var second = await Node.Start(connection, cluster.Folder(), "node:2", Node.LongLease);
        await first.DisposeAsync();
        var state = await second.Until(run.Id, r => r.Status == RunStatus.NeedsDecision);
        Assert.Equal((StepStatus.Unknown, "node:2", 2), (state.Find("once")!.Status, state.Node, state.Epoch));
        Assert.Equal(1, (await File.ReadAllLinesAsync(counter)).Count(l => l == "once"));
        await second.Runs.Settle(Node.Commander, run.Id, "once", StepStatus.Succeeded, "looked: it happened");
        var done = await second.Finished(run.Id);
        Assert.Equal(RunOutcome.Succeeded, done.Outcome);
        Assert.Equal(2, done.Find("again")!.Attempt);
    }

    [Fact]
    public async Task PostgreSQL_that_goes_away_in_the_middle_costs_nothing()
    {
        Assert.SkipWhen(PostgresBinaries.Find() is null, "PostgreSQL is not installed on this machine.");
        var folder = cluster.Folder();
        await using var own = await EmbeddedCluster.Start(folder, "console", default);
        await using var node = await Node.Start(own.ConnectionString, cluster.Folder(), lease: TimeSpan.FromSeconds(8));
        var run = await node.RequestAndApprove("""
            plan: outage
            title: Outage
            steps:
              - { id: talk, uses: script/run, with: { body: "for i in $(seq 1 60); do echo line $i; sleep 0.05; done" } }
              - { id: after, uses: command/run, with: { argv: [echo, done] } }
            """);
        await node.Until(run.Id, r => r.StatusIs("talk", StepStatus.Running));
        await Task.Delay(500, TestContext.Current.CancellationToken);
        await Restart(folder);
        var done = await node.Finished(run.Id);
        Assert.Equal(RunOutcome.Succeeded, done.Outcome);
        Assert.Equal([.. Enumerable.Range(1, 60).Select(n => $"line {n}"), "done"], await node.Lines(run.Id));
        Assert.Equal(1, done.Find("talk")!.Attempt);
    }

    /// <summary>Immediate stop, as a crash, two seconds away, and back on the same port.</summary>
    private static async Task Restart(string folder)
    {
        var data = Path.Combine(folder, "cluster");
        var options = await File.ReadAllTextAsync(Path.Combine(data, "postmaster.opts"));
        await PgCtl("stop", "-m", "immediate", "-D", data);
        await Task.Delay(2000);
        var arguments = options[(options.IndexOf(' ', StringComparison.Ordinal) + 1)..].Replace("\"-D\" \"" + data + "\"", "", StringComparison.Ordinal).Trim();
        await PgCtl("start", "-w", "-D", data, "-l", Path.Combine(data, "server.log"), "-o", arguments);

        static async Task PgCtl(params string[] arguments)
        {
            string[] command = [Path.Combine(PostgresBinaries.Find()!, "pg_ctl"), .. arguments];
            var root = Environment.IsPrivilegedProcess;
            var start = new ProcessStartInfo(root ? "runuser" : command[0], root ? ["-u", "postgres", "--", .. command] : command[1..])
            {
                // The test host speaks with its runner over standard output: a child that writes there garbles results.
                RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false, WorkingDirectory = "/",
            };
            using var process = Process.Start(start)!;
            await process.WaitForExitAsync();
            Assert.Equal(0, process.ExitCode);
        }
    }

    private static bool Running(string id)
    {
        try
        {
            return !File.ReadAllText($"/proc/{id}/stat").Contains(") Z ", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            // Gone before or while it was read.
            return false;
        }
    }
}

internal static class RunStates
{
    public static bool StatusIs(this Run run, string step, StepStatus status) => run.Find(step)?.Status == status;
}
