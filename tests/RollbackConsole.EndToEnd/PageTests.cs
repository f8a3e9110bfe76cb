using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace RollbackConsole.EndToEnd;

/// <summary>Every page, light and dark, wide and phone: accessible, without overflow, with its role asked for on the server.</summary>
public sealed class PageTests(RunningConsole console)
{
    [Theory]
    [InlineData(ColorScheme.Light, 1440)]
    [InlineData(ColorScheme.Dark, 1440)]
    [InlineData(ColorScheme.Light, 390)]
    [InlineData(ColorScheme.Dark, 390)]
    public async Task Pages_are_accessible_and_fit_the_screen(ColorScheme scheme, int width)
    {
        var name = $"admin-{scheme}-{width}".ToLowerInvariant();
        await console.Cli("user", "create", "--name", name, "--password", "a long enough password", "--role", "admin,commander");
        var page = await console.SignIn(name, "a long enough password", new() { ColorScheme = scheme, ViewportSize = new() { Width = width, Height = 844 } });
        await page.ClickAsync("[data-testid=declare]");
        await page.FillAsync("[data-testid=title]", "A page to look at");
        await page.FillAsync("[data-testid=service]", name);
        await page.ClickAsync(".dialog [data-testid=confirm]");
        await page.WaitForURLAsync("**/incidents/*");
        var room = new Uri(page.Url).AbsolutePath;
        foreach (var (path, ready) in new[] { ("/", "h1:has-text('Board')"), ("/approvals", "h1:has-text('Approvals')"), ("/plans", "a:has-text('Take the shop API back')"), ("/plans/shop-api-release", "textarea"), ("/people", "td:has-text('commander')"), ("/journal", "td:has-text('access')"),
            ("/matrices", "[data-testid=try]"), ("/matrices/registry-symptoms", "[data-testid=findings]"), ("/catalog", "[data-testid=entity-shop-api]"), ("/catalog/component:shop-api", ".relations"), ("/escalations", "[data-testid=escalation-warning]"), ("/policies", "[data-testid=if-verdict]"), ("/approvals", "h1"), ("/account", "[data-testid=session]"), ("/people", "[data-testid=account]"), ("/journal", "[data-testid=journal-row]"), ("/library/matrices/platform", "textarea"),
            (room, "[data-testid=evidence-logs]") })
        {
            await page.GotoAsync(console.Address + path);
            await page.WaitForSelectorAsync(ready);
            // What still fills or fades is not what people read.
            await page.WaitForFunctionAsync("() => !document.querySelector('main .loading') && document.getAnimations().every(a => a.playState !== 'running' || a.effect?.getComputedTiming().iterations === Infinity)");
            await page.WaitForTimeoutAsync(200);
            var overflow = await page.EvaluateAsync<int>("() => document.documentElement.scrollWidth - document.documentElement.clientWidth");
            Assert.True(overflow <= 1, $"{path} is {overflow} px too wide at {width} px.");
            var found = (await page.RunAxe()).Violations.Where(v => v.Impact is "serious" or "critical").ToList();
            Assert.True(found.Count == 0, $"{path}: {string.Join("; ", found.Select(v => $"{v.Id}: {v.Help} at {string.Join(", ", v.Nodes.Take(3).Select(n => n.Html))}"))}");
        }
        await page.ClickAsync("[data-testid=resolve]");
        await page.ClickAsync(".dialog [data-testid=confirm]");
        await page.ClickAsync("button:has-text('Close'):not([aria-label])");
        await page.WaitForSelectorAsync(".pill:has-text('closed')");
        Assert.Empty(console.PageErrors);
    }

    [Fact]
    public async Task A_viewer_is_told_what_they_may_not_see_and_has_no_buttons_to_press()
    {
        await console.Cli("user", "create", "--name", "watcher", "--password", "a long enough password", "--role", "viewer");
        var page = await console.SignIn("watcher", "a long enough password");
        Assert.Equal(0, await page.Locator("[data-testid=declare], [data-testid^=drill]").CountAsync());
        foreach (var path in new[] { "/people", "/journal" })
        {
            await page.GotoAsync(console.Address + path);
            await page.WaitForSelectorAsync("h1:has-text('You may not see this page')");
        }
        await page.GotoAsync(console.Address + "/incidents/not-there");
        await page.WaitForSelectorAsync("text=There is no such incident.");
    }

    [Fact]
    public async Task A_stranger_is_sent_to_the_sign_in_and_brought_back_after_it()
    {
        var page = await console.SignIn("approver");
        await page.Context.ClearCookiesAsync();
        await page.GotoAsync(console.Address + "/plans");
        await page.WaitForURLAsync("**/sign-in?back=*");
        await page.FillAsync("input[name=name]", "approver");
        await page.FillAsync("input[name=password]", "wrong");
        await page.ClickAsync("button[type=submit]");
        await page.WaitForSelectorAsync("text=The name or the password is wrong.");
    }

    [Fact]
    public async Task A_title_full_of_markup_stays_text()
    {
        var page = await console.SignIn("commander");
        await page.ClickAsync("[data-testid=declare]");
        await page.FillAsync("[data-testid=title]", "<img src=x onerror=alert(1)> & co");
        await page.FillAsync("[data-testid=service]", "markup");
        await page.ClickAsync(".dialog [data-testid=confirm]");
        await page.WaitForSelectorAsync("h1:has-text('<img src=x onerror=alert(1)> & co')");
        Assert.Equal(0, await page.Locator("h1 img").CountAsync());
        await page.ClickAsync("[data-testid=resolve]");
        await page.ClickAsync(".dialog [data-testid=confirm]");
        await page.ClickAsync("button:has-text('Close'):not([aria-label])");
        await page.WaitForSelectorAsync(".pill:has-text('closed')");
    }
}
