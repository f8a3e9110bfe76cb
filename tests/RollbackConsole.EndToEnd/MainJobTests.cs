using System.Text.Json;
using Microsoft.Playwright;
using Npgsql;

namespace RollbackConsole.EndToEnd;

/// <summary>The main job, as people do it: break the shop, ask, approve, watch, be healthy again.</summary>
public sealed class MainJobTests(RunningConsole console)
{
    [Fact]
    public async Task A_bad_release_is_rolled_back_and_the_shop_s_data_is_whole_again()
    {
        await console.Quiet();
        var commander = await console.SignIn("commander");
        await commander.WaitForSelectorAsync("text=All quiet");
        await Until(async () => await Version() == "v1");
        var couponsBefore = await Shop("select count(coupon) from orders where id <= 4000");

        await commander.ClickAsync("[data-testid=drill-shop]");
        Assert.Contains("drops the column", await commander.InnerTextAsync(".dialog"), StringComparison.Ordinal);
        await commander.ClickAsync("[data-testid=confirm]");
        await commander.WaitForSelectorAsync("[data-testid=incident] .severity.high", new() { Timeout = 180_000 });
        Assert.Equal("v2", await Version());
        Assert.Equal(0L, await Shop("select count(*) from information_schema.columns where table_schema = 'public' and table_name = 'orders' and column_name = 'coupon'"));

        await commander.ClickAsync("[data-testid=incident]");
        await commander.ClickAsync("[data-testid=take-command]");
        await commander.WaitForSelectorAsync("text=Took command");
        await Until(async () => ErrorRate(await commander.GetAttributeAsync(".signal-chart", "data-last")) > 0.3);
        await commander.ClickAsync("[data-testid=request-shop-api-release]");
        await commander.FillAsync("[data-testid=reason]", "Two of five requests fail since v2");
        await commander.DblClickAsync(".dialog [data-testid=confirm]");
        await commander.WaitForURLAsync("**/runs/**");
        await commander.WaitForSelectorAsync("[data-testid=cannot-approve]");

        var approver = await console.SignIn("approver");
        await approver.GotoAsync(console.Address + "/approvals");
        await approver.WaitForSelectorAsync("[data-testid=waiting]");
        Assert.Equal(1, await approver.Locator("[data-testid=waiting]").CountAsync());
        await approver.ClickAsync("[data-testid=waiting]");
        await approver.WaitForSelectorAsync("[data-testid=preview-column] pre:has-text('add column if not exists coupon')");
        await approver.FillAsync("[data-testid=comment]", "The backup is fresh");
        // What can lose data is approved only by whoever types its name.
        Assert.True(await approver.IsDisabledAsync("[data-testid=approve]"));
        await approver.FillAsync("[data-testid=typed]", "shop-api");
        await approver.ClickAsync("[data-testid=approve]");

        await commander.WaitForSelectorAsync(".log-row", new() { Timeout = 120_000 });
        await commander.WaitForSelectorAsync("[data-testid=verdict].good", new() { Timeout = 300_000 });
        Assert.Equal(9, await commander.Locator("tr[data-status=succeeded]").CountAsync());

        // The world outside the console agrees.
        Assert.Equal("v1", await Version());
        Assert.Equal(couponsBefore, await Shop("select count(coupon) from orders where id <= 4000"));
        Assert.True(File.Exists(Directory.GetFiles(Path.Combine(console.DataDirectory, "runs"), "before.dump", SearchOption.AllDirectories).Single()));

        await commander.ClickAsync("text=← Incident");
        await Until(async () => ErrorRate(await commander.GetAttributeAsync(".signal-chart", "data-last")) < 0.01);
        await commander.ClickAsync("[data-testid=resolve]");
        await commander.ClickAsync("[data-testid=confirm]");
        await commander.WaitForSelectorAsync(".eyebrow .pill:has-text('resolved')");
        Assert.Contains("holds", await console.Cli("audit", "verify"), StringComparison.Ordinal);
        Assert.Empty(console.PageErrors);
    }

    private static double ErrorRate(string? text) => double.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out var rate) ? rate : double.NaN;

    private async Task<string?> Version()
    {
        using var http = new HttpClient();
        var port = (await File.ReadAllTextAsync(Path.Combine(console.DataDirectory, "demo/shop.port"))).Trim();
        try
        {
            return JsonDocument.Parse(await http.GetStringAsync($"http://127.0.0.1:{port}/version")).RootElement.GetProperty("release").GetString();
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    private async Task<object?> Shop(string sql)
    {
        await using var source = NpgsqlDataSource.Create(await File.ReadAllTextAsync(Path.Combine(console.DataDirectory, "demo/shop.database")));
        await using var command = source.CreateCommand(sql);
        return await command.ExecuteScalarAsync();
    }

    private static async Task Until(Func<Task<bool>> reached)
    {
        for (var tries = 0; !await reached(); tries++)
        {
            Assert.True(tries < 1200, "It did not happen within two minutes.");
            await Task.Delay(100);
        }
    }
}
