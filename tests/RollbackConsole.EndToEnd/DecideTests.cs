using Microsoft.Playwright;

namespace RollbackConsole.EndToEnd;

/// <summary>The first five minutes, as people live them: see, declare, judge, decide, call, hand over.</summary>
public sealed class DecideTests(RunningConsole console)
{
    [Fact]
    public async Task An_incident_is_declared_by_what_is_seen_and_its_clock_is_the_same_for_everybody()
    {
        var commander = await console.SignIn("commander");
        await Declare(commander, "Checkout loses orders", "checkout", "dataCorruption");
        Assert.Equal(1, await commander.Locator(".room-head.critical").CountAsync());
        var viewer = await console.SignIn("approver");
        await viewer.GotoAsync(commander.Url);
        await viewer.WaitForSelectorAsync("[data-testid=clock] rc-countdown");
        Assert.Equal(await Until(commander), await Until(viewer));
        // The tab tells the time as well.
        await commander.WaitForFunctionAsync("() => /4:\\d\\d/.test(document.title) && document.title.includes('Checkout loses orders')");
        // Nobody but a commander decides, and a viewer of the room has nothing to press.
        Assert.Equal(0, await viewer.Locator("[data-testid=decide], [data-testid=acknowledge], [data-testid=take-command]").CountAsync());
        await commander.WaitForSelectorAsync("text=The catalog does not know the service 'checkout'.");

        await commander.ClickAsync("[data-testid=reclassify]");
        await commander.ClickAsync("[data-testid=level-high]");
        await commander.FillAsync(".dialog [data-testid=reason]", "Only one table");
        await commander.ClickAsync(".dialog [data-testid=confirm]");
        await viewer.WaitForSelectorAsync(".room-head.high");
        await viewer.WaitForFunctionAsync("() => /14:\\d\\d/.test(document.querySelector('[data-testid=clock] rc-countdown').textContent)");
        await Over(commander);
    }

    [Fact]
    public async Task A_commander_works_by_keyboard_and_everything_is_on_record()
    {
        var commander = await console.SignIn("commander");
        await Declare(commander, "Search is slow", "search", "majorFunctionBroken");
        await commander.Keyboard.PressAsync("?");
        await commander.WaitForSelectorAsync("#keys[open] :text('Decide: roll back, fix forward, hold')");
        await commander.Keyboard.PressAsync("Escape");
        await commander.WaitForSelectorAsync("#keys", new() { State = WaitForSelectorState.Detached });
        await commander.WaitForSelectorAsync("[data-testid=level-1].reached");
        await commander.Keyboard.PressAsync("a");
        await commander.WaitForSelectorAsync("[data-testid=escalation] .pill.good:has-text('acknowledged')");
        await commander.Keyboard.PressAsync("t");
        await commander.WaitForSelectorAsync("text=Took command");
        await commander.Keyboard.PressAsync("d");
        await commander.ClickAsync("[data-testid=choice-hold]");
        await commander.FillAsync(".dialog [data-testid=reason]", "The index is being rebuilt");
        await commander.DblClickAsync(".dialog [data-testid=confirm]");
        await commander.WaitForSelectorAsync("[data-testid=clock]:has-text('On hold')");
        // Keys belong to the dialog until it is gone.
        await commander.WaitForSelectorAsync(".rz-dialog", new() { State = WaitForSelectorState.Detached });
        await commander.Keyboard.PressAsync("n");
        await commander.Keyboard.TypeAsync("Latency <b>doubled</b> at ten");
        await commander.ClickAsync("text=Add note");
        await commander.WaitForSelectorAsync(".timeline li:has-text('Latency <b>doubled</b> at ten')");
        await commander.Locator(".timeline li:has-text('Latency')").First.Locator(".pin").ClickAsync();
        await commander.WaitForSelectorAsync(".pinned li:has-text('Latency')");
        await commander.ClickAsync("[data-testid=evidence-logs] button");
        await commander.FillAsync("[data-testid=evidence-logs] textarea", "50 errors, in the ticket");
        await commander.ClickAsync("[data-testid=save-evidence]");
        await commander.WaitForSelectorAsync("[data-testid=evidence-logs].done");
        await commander.Locator("[data-testid=milestone-assess] button").ClickAsync();
        await commander.WaitForSelectorAsync("[data-testid=milestone-assess].done");

        await commander.FillAsync("[data-testid=timeline-search]", "rebuilt commander");
        await commander.WaitForFunctionAsync("() => document.querySelectorAll('.timeline > ol:not(.pinned) > li').length === 1");
        await commander.FillAsync("[data-testid=timeline-search]", "");
        await commander.ClickAsync("[data-testid=filter-notes]");
        await commander.WaitForFunctionAsync("() => document.querySelectorAll('.timeline > ol:not(.pinned) > li').length === 1");
        await commander.ClickAsync("[data-testid=filter-all]");

        await console.Cli("user", "create", "--name", "relief", "--password", "a long enough password", "--role", "commander");
        await commander.ClickAsync("[data-testid=hand-over]");
        await commander.SelectOptionAsync("[data-testid=person]", new SelectOptionValue { Label = "relief" });
        await commander.ClickAsync(".dialog [data-testid=confirm]");
        await commander.WaitForSelectorAsync(".roles strong:has-text('relief')");
        await commander.WaitForSelectorAsync("text=Gave command to relief");
        await commander.WaitForSelectorAsync(".rz-dialog", new() { State = WaitForSelectorState.Detached });
        await commander.Keyboard.PressAsync("g");
        await commander.Keyboard.PressAsync("m");
        await commander.WaitForSelectorAsync("h1:has-text('Platform severity matrix')");
        await commander.GoBackAsync();
        await Over(commander);
        Assert.Empty(console.PageErrors);
    }

    [Fact]
    public async Task The_matrix_lights_up_by_hand_and_a_gap_is_never_kept_silently()
    {
        await console.Cli("user", "create", "--name", "librarian", "--password", "a long enough password", "--role", "admin");
        var admin = await console.SignIn("librarian", "a long enough password");
        await admin.GotoAsync(console.Address + "/matrices");
        await admin.FillAsync("[data-testid=signal-errorRate]", "31");
        await admin.WaitForSelectorAsync("[data-testid=cell-error-rate-above-30].lit");
        await admin.WaitForSelectorAsync("[data-testid=answer] .severity.high");
        await admin.CheckAsync("[data-testid=signal-securityBreach]");
        await admin.WaitForSelectorAsync("[data-testid=answer] .severity.critical");
        await admin.FillAsync("[data-testid=signal-errorRate]", "12");
        await admin.WaitForSelectorAsync("[data-testid=cell-error-rate-10-to-30].lit");

        await admin.ClickAsync("nav.sets >> text=Symptoms of the schema registry");
        await admin.WaitForSelectorAsync("[data-testid=findings]:has-text('from 1 % to 10 %')");
        await admin.ClickAsync("[data-testid=edit-thresholds]");
        await admin.FillAsync("[data-testid=bound-errors-above-10-above]", "0.08");
        await admin.Keyboard.PressAsync("Tab");
        await admin.WaitForSelectorAsync("[data-testid=findings]:has-text('from 1 % to 8 %')");
        Assert.True(await admin.IsDisabledAsync("[data-testid=keep-thresholds]"));
        await admin.CheckAsync("[data-testid=accept-findings]");
        await admin.ClickAsync("[data-testid=keep-thresholds]");
        await admin.WaitForSelectorAsync(".facts:has-text('version 2')");
        await admin.WaitForSelectorAsync("[data-testid=cell-errors-above-10]:has-text('above 8 %')");
    }

    [Fact]
    public async Task The_catalog_is_searched_browsed_and_edited()
    {
        await console.Cli("user", "create", "--name", "cataloger", "--password", "a long enough password", "--role", "admin");
        var admin = await console.SignIn("cataloger", "a long enough password");
        await admin.GotoAsync(console.Address + "/catalog");
        await admin.FillAsync("[data-testid=catalog-search]", "answers orders");
        await admin.WaitForFunctionAsync("() => document.querySelectorAll('tbody tr').length === 1");
        await admin.ClickAsync("[data-testid=entity-shop-api] a");
        await admin.WaitForSelectorAsync("text=15m, says Shop API");
        await admin.WaitForSelectorAsync(".relations a:has-text('Shop database')");
        await admin.ClickAsync("text=Edit");
        var yaml = await admin.InputValueAsync("[data-testid=yaml]");
        await admin.FillAsync("[data-testid=yaml]", yaml.Replace("owner: group:team-shop", "owner: group:team-shop\n  sistem: shop", StringComparison.Ordinal));
        await admin.WaitForSelectorAsync(".complaints .error:has-text(\"Did you mean 'system'\")");
        Assert.True(await admin.IsDisabledAsync("[data-testid=save-document]"));
        await admin.FillAsync("[data-testid=yaml]", yaml.Replace("About twenty requests a second.", "About twenty requests a second, day and night.", StringComparison.Ordinal));
        await admin.ClickAsync("[data-testid=save-document]");
        await admin.WaitForSelectorAsync(".eyebrow .pill:has-text('version 2')");
        await admin.GotoAsync(console.Address + "/catalog/component:shop-api");
        await admin.WaitForSelectorAsync("text=day and night");
        await admin.GotoAsync(console.Address + "/catalog/component:not-there");
        await admin.WaitForSelectorAsync("text=The catalog has no 'component:not-there'");
        Assert.Empty(console.PageErrors);
    }

    private static Task<string?> Until(IPage page) => page.GetAttributeAsync("[data-testid=clock] rc-countdown", "until");

    private static async Task Declare(IPage page, string title, string service, string fact)
    {
        await page.ClickAsync("[data-testid=declare]");
        await page.FillAsync("[data-testid=declare-dialog] [data-testid=title]", title);
        await page.FillAsync("[data-testid=declare-dialog] [data-testid=service]", service);
        await page.CheckAsync($"[data-testid=declare-dialog] [data-testid=signal-{fact}]");
        await page.ClickAsync("[data-testid=declare-dialog] [data-testid=confirm]");
        await page.WaitForSelectorAsync($"h1:has-text('{title}')");
        await page.WaitForSelectorAsync(".rz-dialog", new() { State = WaitForSelectorState.Detached });
    }

    /// <summary>Other tests begin with a quiet board.</summary>
    private static async Task Over(IPage page)
    {
        await page.ClickAsync("[data-testid=resolve]");
        await page.ClickAsync(".dialog [data-testid=confirm]");
        await page.ClickAsync("button:has-text('Close'):not([aria-label])");
        await page.WaitForSelectorAsync(".pill:has-text('closed')");
    }
}
