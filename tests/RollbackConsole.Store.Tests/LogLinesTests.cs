using Microsoft.Extensions.Logging.Abstractions;
using RollbackConsole.Store.Journal;
using RollbackConsole.Store.Runs;
using RollbackConsole.Tests;

namespace RollbackConsole.Store.Tests;

public sealed class LogLinesTests(TestCluster cluster)
{
    [Fact]
    public async Task Lines_come_back_in_order_by_page_by_tail_by_step_and_by_text()
    {
        await using var source = await cluster.ConsoleDatabase();
        var log = await Held(source, "r", 1);
        await log.Append("r", 1, [.. Enumerable.Range(1, 1200).Select(n => new LogLine(n, DateTimeOffset.UnixEpoch, n % 3 == 0 ? "b" : "a", 1, "out", $"Line {n}"))], default);
        Assert.Equal(Enumerable.Range(501, 500).Select(n => (long)n), (await log.After("r", 500, 500)).Select(l => l.Seq));
        Assert.Equal([1199L, 1200L], (await log.Tail("r", 2)).Select(l => l.Seq));
        Assert.Equal([1197L, 1200L], (await log.Tail("r", 2, "b")).Select(l => l.Seq));
        Assert.Equal([1000L, 1001L], (await log.Find("r", "line 100", null, 0, 10)).Skip(1).Take(2));
        Assert.Equal(1200, await log.Last("r"));
        Assert.Equal(0, await log.Last("other"));
    }

    [Fact]
    public async Task An_older_epoch_cannot_write_lines()
    {
        await using var source = await cluster.ConsoleDatabase();
        var log = await Held(source, "r", 1);
        var leases = new RunLeases(source);
        await leases.Release("r", 1, default);
        Assert.True(await leases.TryTake("r", "node:2", 2, TimeSpan.FromMinutes(1), default));
        await Assert.ThrowsAsync<LeaseLostException>(() => log.Append("r", 1, [new LogLine(1, DateTimeOffset.UnixEpoch, "a", 1, "out", "late")], default));
        Assert.Equal(0, await log.Last("r"));
    }

    [Fact]
    public async Task A_held_lease_is_taken_by_nobody_else_until_it_runs_out()
    {
        await using var source = await cluster.ConsoleDatabase();
        var leases = new RunLeases(source);
        Assert.True(await leases.TryTake("r", "node:1", 1, TimeSpan.FromMinutes(1), default));
        Assert.False(await leases.TryTake("r", "node:2", 2, TimeSpan.FromMinutes(1), default));
        Assert.True(await leases.Renew("r", 1, TimeSpan.FromMilliseconds(1), default));
        await Task.Delay(20, TestContext.Current.CancellationToken);
        Assert.True(await leases.TryTake("r", "node:2", 2, TimeSpan.FromMinutes(1), default));
        Assert.False(await leases.Renew("r", 1, TimeSpan.FromMinutes(1), default));
    }

    [Fact]
    public async Task A_stored_batch_wakes_whoever_watches_through_the_database()
    {
        await using var source = await cluster.ConsoleDatabase();
        // Two feeds are two nodes: the second hears of the first one's write through PostgreSQL only.
        var feed = new ChangeFeed(source, TimeProvider.System, NullLogger<ChangeFeed>.Instance);
        await feed.StartAsync(default);
        using var wake = feed.Watch("log/r");
        var log = await Held(source, "r", 1);
        while (wake.Wait(new CancellationTokenSource(TimeSpan.FromMilliseconds(300)).Token) is var early && await Happened(early)) { }
        await log.Append("r", 1, [new LogLine(1, DateTimeOffset.UnixEpoch, "a", 1, "out", "hello")], default);
        Assert.True(await Happened(wake.Wait(new CancellationTokenSource(TimeSpan.FromSeconds(10)).Token)));
        await feed.StopAsync(default);
    }

    private static async Task<bool> Happened(ValueTask<bool> wait)
    {
        try
        {
            return await wait;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private static async Task<LogLines> Held(Npgsql.NpgsqlDataSource source, string run, int epoch)
    {
        Assert.True(await new RunLeases(source).TryTake(run, "node:1", epoch, TimeSpan.FromMinutes(1), default));
        return new LogLines(source);
    }
}
