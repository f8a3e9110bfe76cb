using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Engine.Journal;
using RollbackConsole.Store;
using RollbackConsole.Store.Access;
using RollbackConsole.Store.Journal;
using RollbackConsole.Store.Runs;
using RollbackConsole.Tests;

namespace RollbackConsole.Engine.Tests;

/// <summary>A database that an older console left in the middle of its work. The events were written by that console; nothing was added to them.</summary>
public sealed class UpgradeTests(TestCluster cluster)
{
    [Fact]
    public async Task A_run_that_an_older_console_left_behind_is_taken_over_and_goes_on()
    {
        var connection = await cluster.EmptyDatabase();
        await using (var source = StoreSetup.Connect(connection)) await Fill(source, "0005_decide");
        await using var node = await Node.Start(connection, cluster.Folder());
        var runs = await node.Get<RunRows>().Recent(10);
        var (working, waiting) = (runs.Single(r => r.Status != RunStatus.AwaitingApproval), runs.Single(r => r.Status == RunStatus.AwaitingApproval));
        var run = await node.Until(working.Id, r => r is { Epoch: 2 } && r.Find("two") is { Status: StepStatus.Running, Attempt: 2 });
        Assert.Equal((StepStatus.Succeeded, 1, null), (run.Find("one")!.Status, run.Find("one")!.Order, run.ExpiresAt));
        // The rules of today hold for what was asked for yesterday: one run on a target, and the policies in force.
        var asked = await node.Runs.Get(Node.Commander, waiting.Id);
        Task<Run> Approve() => node.Approvals.Decide(Node.Approver, asked.Id, true, null, asked.Digest, "");
        Assert.Contains("works on shop in production already", (await Assert.ThrowsAsync<RefusedException>(Approve)).Refusal.Reason, StringComparison.Ordinal);
        await node.Runs.Abort(Node.Commander, working.Id, "upgraded");
        Assert.Equal(RunOutcome.Aborted, (await node.Finished(working.Id)).Outcome);
        await Approve();
        await node.Until(asked.Id, r => r.Find("two")!.Status == StepStatus.Running);
        Assert.NotEmpty((await node.Runs.Get(Node.Commander, asked.Id)).Policy.Reasons);
        var told = await node.Get<Timeline>().Read(Node.Commander, run.IncidentId, 0, 500);
        Assert.Contains(told, r => r.Kind == "run.approval.given");
        Assert.True((await ChainVerifier.Verify(node.Get<EventJournal>(), default)).Holds);
        await node.Runs.Abort(Node.Commander, asked.Id, "enough");
        await node.Finished(asked.Id);
    }

    private static async Task Fill(NpgsqlDataSource source, string version)
    {
        // The numbered files up to that version, and the history that says so.
        await using (var db = new AccountsDb(new DbContextOptionsBuilder<AccountsDb>().UseNpgsql(source).Options))
        {
            var history = db.GetService<IHistoryRepository>();
            var script = new System.Text.StringBuilder(history.GetCreateScript());
            foreach (var id in db.Database.GetMigrations().Where(m => string.CompareOrdinal(m, version) <= 0))
            {
                using var file = new StreamReader(typeof(StoreSetup).Assembly.GetManifestResourceStream(id + ".sql")!);
                script.AppendLine(await file.ReadToEndAsync()).AppendLine(history.GetInsertScript(new HistoryRow(id, "10.0.0")));
            }
            await using var migrate = source.CreateCommand(script.ToString());
            await migrate.ExecuteNonQueryAsync();
        }
        var folder = AppContext.BaseDirectory;
        var versions = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var line in await File.ReadAllLinesAsync(Path.Combine(folder, "before-0006.jsonl")))
        {
            var e = JsonDocument.Parse(line).RootElement;
            var stream = e.GetProperty("stream").GetString()!;
            await using var append = source.CreateCommand("select journal_append($1, $2, $3, $4, $5, $6)");
            foreach (var value in (object[])[stream, versions.GetValueOrDefault(stream), e.GetProperty("actor").GetString()!, e.GetProperty("at").GetString() is { } at ? DateTimeOffset.Parse(at + ":00", System.Globalization.CultureInfo.InvariantCulture) : default,
                new[] { e.GetProperty("kind").GetString()! }, new[] { e.GetProperty("data").GetRawText() }]) append.Parameters.AddWithValue(value);
            await append.ExecuteNonQueryAsync();
            versions[stream] = versions.GetValueOrDefault(stream) + 1;
        }
        await using var rows = source.CreateCommand(await File.ReadAllTextAsync(Path.Combine(folder, "before-0006.sql")));
        await rows.ExecuteNonQueryAsync();
    }
}
