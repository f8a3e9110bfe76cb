using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.Playwright;

namespace RollbackConsole.EndToEnd;

/// <summary>The log pane in a real browser: a long log, search, one step, a link to a line, and a network that goes away.</summary>
public sealed class LogPaneTests(RunningConsole console)
{
    [Fact]
    public async Task A_long_log_opens_at_its_end_and_every_line_of_it_can_be_found()
    {
        var run = await Finished("long-log", """
            plan: long-log
            title: A long log
            steps:
              - { id: count, uses: command/run, with: { argv: [seq, -f, 'line %g', '1', '60000'] } }
              - { id: colours, uses: script/run, with: { body: "printf '\\033[31mred\\033[0m plain <b>bold</b>\\n'" } }
            """);
        var page = await console.SignIn("commander");
        await page.GotoAsync($"{console.Address}/runs/{run}");
        await page.WaitForSelectorAsync("[data-testid=log][data-lines='60001']");
        var last = page.Locator(".log-row[data-seq='60001']");
        await last.WaitForAsync();
        // Markup in a line stays text; its colour is kept.
        Assert.Equal(0, await last.Locator("b").CountAsync());
        Assert.Contains("<b>bold</b>", await last.InnerTextAsync(), StringComparison.Ordinal);
        Assert.NotEqual("", await last.Locator("span[style*='color']").First.GetAttributeAsync("style"));
        Assert.True(await page.Locator(".log-row").CountAsync() < 200, "Rows out of sight are drawn.");

        await page.FillAsync(".log-bar input", "line 31234");
        await page.WaitForSelectorAsync(".log-bar:has-text('1 found')");
        await page.PressAsync(".log-bar input", "Enter");
        await page.WaitForSelectorAsync(".log-row.marked[data-seq='31234'] mark:has-text('line 31234')");

        await page.FillAsync(".log-bar input", "");
        await page.SelectOptionAsync(".log-bar select", "colours");
        await page.WaitForSelectorAsync("[data-testid=log][data-lines='1']");
        await page.SelectOptionAsync(".log-bar select", "");
        await page.WaitForSelectorAsync("[data-testid=log][data-lines='60001']");

        await page.GotoAsync("about:blank");
        await page.GotoAsync($"{console.Address}/runs/{run}#L777");
        await page.WaitForSelectorAsync(".log-row.marked[data-seq='777']:has-text('line 777')");
        var raw = await (await page.Context.APIRequest.GetAsync($"{console.Address}/api/v1/runs/{run}/logs/raw")).TextAsync();
        Assert.Equal(60001, raw.TrimEnd('\n').Split('\n').Length);
        Assert.Empty(console.PageErrors);
    }

    [Fact]
    public async Task A_browser_that_drops_and_returns_has_every_line()
    {
        // It goes on when somebody watches: how long a sign-in takes here must not decide what is dropped.
        var watched = Path.Combine(console.DataDirectory, "watched");
        var run = await Approved("dropping", $$"""
            plan: dropping
            title: Dropping
            steps: [{ id: talk, uses: script/run, with: { body: "for i in $(seq 1 120); do echo line $i; sleep 0.1; [ $i != 20 ] || while [ ! -e {{watched}} ]; do sleep 0.1; done; done" } }]
            """);
        var page = await console.SignIn("commander");
        await page.GotoAsync($"{console.Address}/runs/{run}");
        await page.WaitForSelectorAsync(".log-row");
        await File.WriteAllTextAsync(watched, "");
        await page.Context.SetOfflineAsync(true);
        await Task.Delay(3000, TestContext.Current.CancellationToken);
        await page.Context.SetOfflineAsync(false);
        await page.WaitForSelectorAsync("[data-testid=log][data-lines='120']", new() { Timeout = 60_000 });
        await page.Locator(".log-view").EvaluateAsync("v => v.scrollTop = 0");
        for (var n = 1; n <= 120; n += 17)
        {
            await page.Locator(".log-view").EvaluateAsync("(v, y) => v.scrollTop = y", (n - 1) * 20);
            await page.WaitForSelectorAsync($".log-row[data-seq='{n}']:has-text('line {n}')");
        }
        await Over(run);
    }

    private async Task<string> Finished(string name, string yaml)
    {
        var run = await Approved(name, yaml);
        await Over(run);
        return run;
    }

    /// <summary>Waits for the end of a run and closes its incident, so that other tests find a quiet board.</summary>
    private async Task Over(string id)
    {
        using var commander = await console.Api("commander");
        JsonElement run;
        for (var tries = 0; (run = await commander.GetFromJsonAsync<JsonElement>($"runs/{id}")).GetProperty("status").GetString() != "finished"; tries++)
        {
            Assert.True(tries < 1200);
            await Task.Delay(100);
        }
        var path = $"incidents/{run.GetProperty("incidentId").GetString()}";
        await Read(await commander.PostAsJsonAsync(path + "/resolve", new { summary = "test" }));
        await Read(await commander.PostAsync(path + "/close", null));
    }

    private async Task<string> Approved(string name, string yaml)
    {
        using var admin = await console.Api("admin");
        using var commander = await console.Api("commander");
        using var approver = await console.Api("approver");
        (await admin.PutAsync($"plans/{name}", new StringContent(yaml, Encoding.UTF8, "text/yaml"))).EnsureSuccessStatusCode();
        var incident = await Read(await commander.PostAsJsonAsync("incidents", new { title = name, service = name, environment = "staging", severity = "low" }));
        var run = await Read(await commander.PostAsJsonAsync($"incidents/{incident.GetProperty("id").GetString()}/runs", new { plan = name, parameters = new { }, dryRun = false, reason = "test" }));
        await Read(await approver.PostAsJsonAsync($"runs/{run.GetProperty("id").GetString()}/approvals", new { decision = "approve", digest = run.GetProperty("digest").GetString(), comment = "" }));
        return run.GetProperty("id").GetString()!;
    }

    private static async Task<JsonElement> Read(HttpResponseMessage answer)
    {
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonDocument.Parse(text).RootElement;
    }
}
