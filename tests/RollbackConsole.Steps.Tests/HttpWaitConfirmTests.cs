using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Steps.Http;
using RollbackConsole.Steps.Running;
using RollbackConsole.Tests;

namespace RollbackConsole.Steps.Tests;

public sealed class HttpWaitConfirmTests(TestCluster cluster)
{
    [Fact]
    public async Task A_check_asks_again_until_status_body_and_json_are_as_expected()
    {
        var asked = 0;
        await using var app = await Serve(() => Interlocked.Increment(ref asked) < 3 ? Results.StatusCode(503) : Results.Json(new { status = "ok", deep = new[] { new { n = 1 } }, flag = true }));
        var steps = new StepFixture(cluster.Folder());
        var result = await steps.Run("http/check", $$"""{"url":"{{app.Urls.First()}}/","contains":"ok","json":[{"path":"$.status","equals":"ok"},{"path":"$.deep[0].n","equals":"1"},{"path":"$.flag","equals":"true"}],"until":"20s","every":"20ms"}""");
        Assert.Equal(StepStatus.Succeeded, result.Status);
        Assert.Equal(3, asked);
    }

    [Theory]
    [InlineData("""{"json":[{"path":"$.status","equals":"ok"}]}""", "$.status is bad, not ok.")]
    [InlineData("""{"json":[{"path":"$.absent","equals":"x"}]}""", "$.absent is not there, not x.")]
    [InlineData("""{"contains":"fine"}""", "answers without 'fine'")]
    [InlineData("""{"status":"204"}""", "answers 200, not 204")]
    public async Task What_was_wrong_is_said(string expectation, string complaint)
    {
        await using var app = await Serve(() => Results.Json(new { status = "bad" }));
        var steps = new StepFixture(cluster.Folder());
        var result = await steps.Run("http/check", $$"""{"url":"{{app.Urls.First()}}/",{{expectation[1..]}}""");
        Assert.Equal(StepStatus.Failed, result.Status);
        Assert.Contains(complaint, result.Summary, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_address_where_nobody_listens_fails_and_one_that_is_none_could_not_run()
    {
        var steps = new StepFixture(cluster.Folder());
        Assert.Equal(StepStatus.Failed, (await steps.Run("http/check", """{"url":"http://127.0.0.1:1/"}""")).Status);
        await Assert.ThrowsAsync<StepInputException>(() => steps.Run("http/check", """{"url":"file:///etc/passwd"}"""));
        Assert.Throws<StepInputException>(() => JsonPath.Find(null, "status"));
    }

    [Fact]
    public async Task A_wait_counts_from_the_first_start_so_that_a_new_node_does_not_wait_anew()
    {
        var steps = new StepFixture(cluster.Folder());
        var result = await steps.Run("wait/for", """{"duration":"1h"}""", firstStartedAt: TimeProvider.System.GetUtcNow() - TimeSpan.FromHours(1));
        Assert.Equal("Waited 1h.", result.Summary);
    }

    [Fact]
    public async Task A_checklist_ends_when_a_person_confirms()
    {
        var steps = new StepFixture(cluster.Folder());
        var running = steps.Run("confirm/checklist", """{"items":["Look"]}""");
        Assert.False(running.IsCompleted);
        steps.Confirmation.SetResult(new StepConfirmed("step", 1, ["Look"], new Person("c", "Commander"), DateTimeOffset.UnixEpoch));
        Assert.Equal("Confirmed by Commander.", (await running).Summary);
    }

    private static async Task<WebApplication> Serve(Func<IResult> answer)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        var app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        app.MapGet("/", answer);
        await app.StartAsync();
        return app;
    }
}
