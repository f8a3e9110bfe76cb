using System.Buffers.Binary;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Playwright;

namespace RollbackConsole.EndToEnd;

/// <summary>Signing in with a second factor and with a passkey, and the emergency by hand, in a real browser.</summary>
public sealed class TrustPageTests(RunningConsole console)
{
    private const string Password = "a long enough password";

    [Fact]
    public async Task A_second_factor_is_set_up_asked_for_and_a_recovery_code_works_once()
    {
        await console.Cli("user", "create", "--name", "careful", "--password", Password, "--role", "viewer");
        var page = await console.SignIn("careful", Password);
        await page.GotoAsync(console.Address + "/account");
        await page.ClickAsync("[data-testid=second-begin]");
        var key = (await page.InnerTextAsync("[data-testid=second-key]")).Trim();
        Assert.Matches("M[0-9]+ [0-9]+h1v1h-1z", await page.InnerHTMLAsync("[data-testid=qr]"));
        await page.FillAsync("[data-testid=second-code]", Code(key));
        await page.ClickAsync("[data-testid=second-on]");
        var recovery = (await page.InnerTextAsync("[data-testid=recovery-codes]")).Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        Assert.Equal(10, recovery.Length);

        var second = await Second("careful");
        await second.FillAsync("input[name=code]", "000000");
        await second.ClickAsync("button[type=submit]");
        await second.WaitForSelectorAsync("text=That code is wrong");
        await second.FillAsync("input[name=code]", Code(key));
        await second.ClickAsync("button[type=submit]");
        await second.WaitForSelectorAsync("h1:has-text('Board')");
        foreach (var (code, then) in new[] { (recovery[0], "h1:has-text('Board')"), (recovery[0], "text=That code is wrong") })
        {
            var again = await Second("careful");
            await again.FillAsync("input[name=recovery]", code);
            await again.ClickAsync("button[type=submit]");
            await again.WaitForSelectorAsync(then);
        }
        // The sessions are seen, and another one is ended from here.
        await page.ReloadAsync();
        await page.WaitForSelectorAsync("[data-testid=end-session]");
        // The one here, the one with a code, the one with a recovery code.
        Assert.Equal(3, await page.Locator("[data-testid=session]").CountAsync());
        await page.ClickAsync("text=End all others");
        await page.WaitForFunctionAsync("() => document.querySelectorAll('[data-testid=session]').length === 1");
        await second.GotoAsync(console.Address + "/approvals");
        await second.WaitForSelectorAsync("input[name=password]");
        // The telephone with the authenticator is lost: an administrator takes the second factor off, and the password is enough.
        await console.Cli("user", "create", "--name", "keeper", "--password", Password, "--role", "admin");
        var admin = await console.SignIn("keeper", Password);
        await admin.GotoAsync(console.Address + "/people");
        await admin.ClickAsync("[data-testid=edit-careful]");
        await admin.ClickAsync("[data-testid=reset-second]");
        await admin.ClickAsync(".dialog [data-testid=confirm]");
        await admin.WaitForSelectorAsync("[data-testid=account]:has-text('careful'):has-text('off')");
        await console.SignIn("careful", Password);
        await admin.ClickAsync("[data-testid=disable]");
        await admin.ClickAsync(".dialog [data-testid=confirm]");
        await admin.WaitForSelectorAsync("[data-testid=account]:has-text('careful') .pill.bad:has-text('disabled')");
        Assert.Contains("is enabled", await console.Cli("user", "enable", "--name", "careful"), StringComparison.Ordinal);
        await console.SignIn("careful", Password);
    }

    [Fact]
    public async Task A_passkey_signs_in_without_a_password()
    {
        await console.Cli("user", "create", "--name", "keyed", "--password", Password, "--role", "viewer");
        var page = await console.SignIn("keyed", Password);
        // Passkeys belong to a name, not to an address.
        var home = console.Address.Replace("127.0.0.1", "localhost", StringComparison.Ordinal);
        var device = await page.Context.NewCDPSessionAsync(page);
        await device.SendAsync("WebAuthn.enable");
        await device.SendAsync("WebAuthn.addVirtualAuthenticator", new() { ["options"] = new Dictionary<string, object> { ["protocol"] = "ctap2", ["transport"] = "internal", ["hasResidentKey"] = true, ["hasUserVerification"] = true, ["isUserVerified"] = true } });
        await page.GotoAsync(home + "/sign-in");
        await page.FillAsync("input[name=name]", "keyed");
        await page.FillAsync("input[name=password]", Password);
        await page.ClickAsync("button[type=submit]");
        await page.WaitForSelectorAsync("h1:has-text('Board')");
        await page.GotoAsync(home + "/account");
        await page.FillAsync("[data-testid=passkey-name]", "My laptop");
        await page.ClickAsync("[data-testid=passkey-add]");
        await page.WaitForSelectorAsync("[data-testid=passkey]:has-text('My laptop')");
        await page.Context.ClearCookiesAsync();
        await page.GotoAsync(home + "/sign-in");
        await page.ClickAsync("[data-action=passkey]");
        await page.WaitForSelectorAsync("h1:has-text('Board')");
        await page.GotoAsync(home + "/account");
        await page.WaitForSelectorAsync("header:has-text('keyed')");
        Assert.Empty(console.PageErrors);
    }

    [Fact]
    public async Task Single_sign_on_lets_in_whom_the_provider_gives_a_role_and_nobody_else()
    {
        console.Provider.Groups = ["engineers"];
        var page = await console.Open();
        // Whoever follows a link to a page comes out there, past the sign-in and the provider.
        await page.GotoAsync(console.Address + "/approvals");
        await page.ClickAsync("[data-testid=oauth]:has-text('Sign in with the company')");
        await page.WaitForURLAsync("**/approvals");
        await page.GotoAsync(console.Address + "/account");
        await page.WaitForSelectorAsync("header:has-text('jo@example.test · responder')");
        await page.WaitForSelectorAsync("[data-testid=session]:has-text('single sign-on')");
        await page.ClickAsync("header >> text=Sign out");
        await page.ClickAsync("button:has-text('Sign out')");
        await page.WaitForSelectorAsync("text=Sign in with the company");
        console.Provider.Groups = ["strangers"];
        await page.ClickAsync("[data-testid=oauth]");
        await page.WaitForSelectorAsync("[role=alert]:has-text('you have no role here')");
        await page.GotoAsync(console.Address + "/approvals");
        await page.WaitForSelectorAsync("input[name=password]");
        Assert.Empty(console.PageErrors);
    }

    [Fact]
    public async Task The_circuit_breaker_is_one_confirmed_action_and_its_review_is_somebody_elses()
    {
        var commander = await console.SignIn("commander");
        using var api = await console.Api("admin", "commander");
        var incident = (await (await api.PostAsJsonAsync("incidents", new { title = "Breaker", service = "shop-api", environment = "production", severity = "critical" })).Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString();
        await commander.GotoAsync($"{console.Address}/incidents/{incident}");
        await commander.ClickAsync("[data-testid=circuit-breaker]");
        await commander.FillAsync("[data-testid=reason]", "Orders are lost every second");
        await commander.FillAsync("[data-testid=typed]", "shop");
        Assert.True(await commander.IsDisabledAsync("[data-testid=confirm]"));
        await commander.FillAsync("[data-testid=typed]", "shop-api");
        await commander.DblClickAsync("[data-testid=confirm]");
        await commander.WaitForSelectorAsync("[data-testid=glass]");
        await commander.WaitForSelectorAsync("[data-testid=run-state]:has-text('succeeded')", new() { Timeout = 300_000 });
        var runs = await api.GetFromJsonAsync<JsonElement>($"incidents/{incident}/timeline?limit=500");
        Assert.Single(runs.GetProperty("items").EnumerateArray(), r => r.GetProperty("kind").GetString() == "run.glass.broken");

        var approver = await console.SignIn("approver");
        await approver.GotoAsync(console.Address + "/approvals");
        await approver.ClickAsync("[data-testid=review-due]:has-text('Breaker')");
        await approver.ClickAsync("[data-testid=review-it]");
        await approver.FillAsync("[data-testid=reason]", "It was right: nobody else was awake");
        await approver.ClickAsync("[data-testid=confirm]");
        await approver.WaitForSelectorAsync("[data-testid=review]:has-text('Reviewed')");
        await api.PostAsJsonAsync($"incidents/{incident}/resolve", new { summary = "over" });
        (await api.PostAsync($"incidents/{incident}/close", null)).EnsureSuccessStatusCode();
    }

    [Fact]
    public async Task A_second_run_on_the_same_target_is_told_what_works_there_and_a_request_is_taken_back()
    {
        using var api = await console.Api("admin", "commander");
        (await api.PutAsync("plans/busy", new StringContent("{plan: busy, title: A busy one, service: busy-api, steps: [{id: one, uses: script/run, with: {body: 'sleep 300'}}]}", System.Text.Encoding.UTF8, "text/yaml"))).EnsureSuccessStatusCode();
        var incident = (await (await api.PostAsJsonAsync("incidents", new { title = "Busy", service = "busy-api", environment = "production", severity = "high" })).Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString();
        var commander = await console.SignIn("commander");
        async Task<string> Ask()
        {
            await commander.GotoAsync($"{console.Address}/incidents/{incident}");
            await commander.ClickAsync("[data-testid=request-busy]");
            await commander.WaitForSelectorAsync("[data-testid=what-follows]:has-text('Nothing runs before its approval')");
            await commander.FillAsync("[data-testid=reason]", "because");
            await commander.DblClickAsync(".dialog [data-testid=confirm]");
            await commander.WaitForURLAsync("**/runs/**");
            return commander.Url;
        }
        var (first, second) = (await Ask(), await Ask());
        Assert.NotEqual(first, second);
        var approver = await console.SignIn("approver");
        await approver.GotoAsync(first);
        await approver.ClickAsync("[data-testid=approve]");
        await approver.WaitForSelectorAsync("[data-testid=run-state]:has-text('running')");
        // The second waits on the commander's page, which tells what works there, and is refused to the approver who is quicker than the page.
        await commander.ReloadAsync();
        await commander.WaitForSelectorAsync("[data-testid=working]:has-text('A busy one')");
        await approver.GotoAsync(second);
        await approver.ClickAsync("[data-testid=approve]");
        await approver.WaitForSelectorAsync(".rz-notification-item-wrapper:has-text('works on busy-api in production already')");
        await commander.FillAsync("textarea", "one is enough");
        await commander.ClickAsync("[data-testid=take-back]");
        await commander.WaitForSelectorAsync("[data-testid=run-state]:has-text('rejected')");
        await commander.GotoAsync(first);
        await commander.ClickAsync("[data-testid=abort]");
        await commander.FillAsync(".dialog [data-testid=reason]", "it hangs");
        await commander.ClickAsync(".dialog [data-testid=confirm]");
        await commander.WaitForSelectorAsync("[data-testid=verdict]:has-text('Ended in the middle, look at their targets: one')");
        await console.Quiet();
        Assert.Empty(console.PageErrors);
    }

    /// <summary>A fresh browser that has given its password.</summary>
    private async Task<IPage> Second(string name)
    {
        var page = await console.Open();
        await page.GotoAsync(console.Address + "/sign-in");
        await page.FillAsync("input[name=name]", name);
        await page.FillAsync("input[name=password]", Password);
        await page.ClickAsync("button[type=submit]");
        await page.WaitForSelectorAsync("h1:has-text('Second factor')");
        return page;
    }

    /// <summary>RFC 6238, as an authenticator app computes it.</summary>
    private static string Code(string key)
    {
        var secret = new List<byte>();
        var bits = 0;
        var value = 0;
        foreach (var c in key.ToUpperInvariant().Where(char.IsLetterOrDigit))
        {
            value = ((value << 5) | "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".IndexOf(c, StringComparison.Ordinal)) & 0xFFFF;
            bits += 5;
            if (bits < 8) continue;
            bits -= 8;
            secret.Add((byte)(value >> bits));
        }
        var counter = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(counter, TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() / 30);
        // The algorithm of every authenticator app.
#pragma warning disable CA5350
        var hash = HMACSHA1.HashData(secret.ToArray(), counter);
#pragma warning restore CA5350
        var offset = hash[^1] & 0xF;
        return $"{(BinaryPrimitives.ReadInt32BigEndian(hash.AsSpan(offset)) & 0x7FFFFFFF) % 1_000_000:000000}";
    }
}
