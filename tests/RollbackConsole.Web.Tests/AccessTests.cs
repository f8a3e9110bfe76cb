using System.Net;
using System.Net.Http.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Store.Access;
using RollbackConsole.Store.Journal;
using RollbackConsole.Tests;
using RollbackConsole.Web.Access;

namespace RollbackConsole.Web.Tests;

/// <summary>Who gets in, for how long, for what; and those who should not.</summary>
public sealed partial class AccessTests(TestCluster cluster)
{
    private const string Plan = "plan: one\ntitle: One\nsteps: [{ id: one, uses: command/run, with: { argv: [/bin/true] } }]";

    [Fact]
    public async Task A_token_ends_by_time_or_by_hand_is_narrowed_and_shows_its_last_use()
    {
        await using var console = await TestConsole.Start(cluster);
        var narrow = await Token(console, "narrow", [Role.Admin, Role.Responder], scope: ["See"]);
        using (var client = console.Client(narrow))
        {
            Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("incidents")).StatusCode);
            Assert.Equal(HttpStatusCode.Forbidden, (await client.PostAsJsonAsync("incidents", new { title = "T", service = "s", environment = "production", severity = "low" })).StatusCode);
            Assert.Equal(HttpStatusCode.Forbidden, (await client.GetAsync("audit")).StatusCode);
        }
        var tokens = console.Services.GetRequiredService<ApiTokens>();
        var row = (await tokens.All()).Single(t => t.Name == "narrow");
        Assert.Equal("127.0.0.1", row.LastUsedFrom);
        Assert.NotNull(row.LastUsedAt);
        var brief = await Token(console, "brief", [Role.Viewer], TimeSpan.FromMilliseconds(300));
        using (var client = console.Client(brief))
        {
            await Task.Delay(400, TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("incidents")).StatusCode);
        }
        using (var client = console.Client(narrow))
        {
            await Do(console, a => a.RevokeToken(SystemActor.CommandLine, row.Id));
            Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("incidents")).StatusCode);
        }
        // What was opened with it earlier ends, too: the live feed asks this every half minute.
        var holder = new System.Security.Claims.ClaimsPrincipal(new System.Security.Claims.ClaimsIdentity([new(System.Security.Claims.ClaimTypes.NameIdentifier, row.Id)], "Bearer"));
        Assert.False(await console.Services.GetRequiredService<Doorkeeper>().MayStay(holder, default));
        await Assert.ThrowsAsync<RefusedException>(() => Do(console, a => a.RevokeToken(SystemActor.CommandLine, row.Id)));
        await Assert.ThrowsAsync<RefusedException>(() => Token(console, "odd", [Role.Viewer], scope: ["Everything"]));
        await Assert.ThrowsAsync<RefusedException>(() => Token(console, "long", [Role.Viewer], TimeSpan.FromDays(900)));
    }

    [Fact]
    public async Task Nobody_approves_their_own_request_through_a_token_of_theirs()
    {
        await using var console = await TestConsole.Start(cluster);
        await Do(console, a => a.Create(SystemActor.CommandLine, "both", "a-long-password-1", [Role.Commander, Role.Approver], []));
        using var asks = console.Client(await Token(console, "asks", [Role.Commander], owner: "both"));
        using var answers = console.Client(await Token(console, "answers", [Role.Approver], owner: "both"));
        using var other = console.Client(await Token(console, "other", [Role.Approver]));
        var run = await console.Request(asks, Plan);
        var path = $"runs/{run.GetProperty("id").GetString()}/approvals";
        var yes = new { decision = "approve", digest = run.GetProperty("digest").GetString(), comment = "" };
        Assert.Contains("their own request", await (await answers.PostAsJsonAsync(path, yes)).Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await other.PostAsJsonAsync(path, yes)).StatusCode);
        // The same approval once more is a replay of something that is over.
        Assert.Equal(HttpStatusCode.Conflict, (await other.PostAsJsonAsync(path, yes)).StatusCode);
    }

    [Fact]
    public async Task People_of_one_tenant_neither_see_nor_touch_anothers_incidents_and_runs()
    {
        await using var console = await TestConsole.Start(cluster);
        using var admin = await console.As(Role.Admin);
        foreach (var (service, tenant) in new[] { ("shop", "north"), ("bank", "south") })
            await (await admin.PutAsync($"library/catalog/component:{service}", new StringContent($"apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {{name: {service}}}\nspec:\n  operations: {{tenant: '{tenant}'}}", System.Text.Encoding.UTF8, "text/yaml"))).Json();
        using var house = await console.As(Role.Commander);
        using var theirs = console.Client(await Do(console, a => a.CreateToken(SystemActor.CommandLine, "theirs", [Role.Commander, Role.Approver], ["tenant:north"])));
        using var others = console.Client(await Do(console, a => a.CreateToken(SystemActor.CommandLine, "others", [Role.Commander, Role.Approver], ["tenant:south"])));
        var run = await console.Request(house, Plan);
        var (id, incident) = (run.GetProperty("id").GetString(), run.GetProperty("incidentId").GetString());
        foreach (var path in new[] { $"incidents/{incident}", $"incidents/{incident}/timeline", $"incidents/{incident}/proposal", $"runs/{id}", $"runs/{id}/logs", $"runs/{id}/logs/raw", $"runs/{id}/preview" })
        {
            Assert.Equal(HttpStatusCode.OK, (await theirs.GetAsync(path)).StatusCode);
            Assert.Equal(HttpStatusCode.NotFound, (await others.GetAsync(path)).StatusCode);
        }
        foreach (var (path, body) in new (string, object)[] { ($"incidents/{incident}/notes", new { text = "x" }), ($"incidents/{incident}/runs", new { plan = "one", parameters = new { }, dryRun = true, reason = "x" }), ($"runs/{id}/abort", new { reason = "x" }), ($"runs/{id}/claim", new { }),
            ($"runs/{id}/approvals", new { decision = "approve", digest = run.GetProperty("digest").GetString() }), ($"runs/{id}/break-glass", new { digest = run.GetProperty("digest").GetString(), reason = "x" }), ($"incidents/{incident}/emergency", new { purpose = "emergency", confirm = "shop", reason = "x" }) })
            Assert.Equal(HttpStatusCode.NotFound, (await others.PostAsJsonAsync(path, body)).StatusCode);
        Assert.Empty((await (await others.GetAsync("incidents")).Json()).GetProperty("items").EnumerateArray());
        Assert.Single((await (await theirs.GetAsync("incidents")).Json()).GetProperty("items").EnumerateArray());
        Assert.Equal(HttpStatusCode.NotFound, (await others.PostAsJsonAsync("incidents", new { title = "T", service = "shop", environment = "production", severity = "low" })).StatusCode);
    }

    [Fact]
    public async Task A_token_has_at_most_what_its_owner_has_now()
    {
        await using var console = await TestConsole.Start(cluster);
        await Do(console, a => a.Create(SystemActor.CommandLine, "boss", "a-long-password-1", [Role.Admin], []));
        var owner = await Do(console, a => a.Create(SystemActor.CommandLine, "leaver", "a-long-password-1", [Role.Commander, Role.Viewer], []));
        Assert.Contains("leaver has not approver", (await Assert.ThrowsAsync<RefusedException>(() => Token(console, "t", [Role.Approver], owner: "leaver"))).Refusal.Reason, StringComparison.Ordinal);
        using var token = console.Client(await Token(console, "t", [Role.Commander], owner: "leaver"));
        var id = (await console.Services.GetRequiredService<ApiTokens>().All()).Single(t => t.Owner == owner.Id).Id;
        var incident = new { title = "T", service = "s", environment = "production", severity = "low" };
        Assert.Equal(HttpStatusCode.Created, (await token.PostAsJsonAsync("incidents", incident)).StatusCode);
        await Do(console, a => a.SetRoles(SystemActor.CommandLine, owner.Id, [Role.Viewer], []));
        Assert.Equal(HttpStatusCode.Forbidden, (await token.PostAsJsonAsync("incidents", incident)).StatusCode);
        // What was opened with more is closed.
        var doorkeeper = console.Services.GetRequiredService<Doorkeeper>();
        System.Security.Claims.ClaimsPrincipal Opened(string role) => new(new System.Security.Claims.ClaimsIdentity([new(System.Security.Claims.ClaimTypes.NameIdentifier, id), new(System.Security.Claims.ClaimTypes.Role, role)], "test"));
        Assert.False(await doorkeeper.MayStay(Opened(Role.Commander), default));
        await Do(console, a => a.SetRoles(SystemActor.CommandLine, owner.Id, [Role.Commander], []));
        Assert.Equal(HttpStatusCode.OK, (await token.GetAsync("incidents")).StatusCode);
        Assert.True(await doorkeeper.MayStay(Opened(Role.Commander), default));
        await Do(console, a => a.SetDisabled(SystemActor.CommandLine, owner.Id, true));
        Assert.Equal(HttpStatusCode.Unauthorized, (await token.GetAsync("incidents")).StatusCode);
        await Do(console, a => a.SetDisabled(SystemActor.CommandLine, owner.Id, false));
        Assert.Equal(HttpStatusCode.OK, (await token.GetAsync("incidents")).StatusCode);
    }

    [Theory]
    // Who owns the token, what it was made with, and what it may see: a wall around either is around both.
    [InlineData("tenant:north", "", 1)]
    [InlineData("", "tenant:north", 1)]
    [InlineData("tenant:north", "tenant:north", 1)]
    [InlineData("", "", 2)]
    public async Task A_wall_around_a_token_or_its_owner_is_around_both(string owners, string tokens, int sees)
    {
        await using var console = await TestConsole.Start(cluster);
        using var admin = await console.As(Role.Admin, Role.Commander);
        foreach (var tenant in new[] { "north", "south" })
        {
            (await admin.PutAsync($"library/catalog/component:{tenant}-api", new StringContent($"apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {{name: {tenant}-api}}\nspec:\n  operations: {{tenant: '{tenant}'}}", System.Text.Encoding.UTF8, "text/yaml"))).EnsureSuccessStatusCode();
            (await admin.PostAsJsonAsync("incidents", new { title = "T", service = tenant + "-api", environment = "production", severity = "low" })).EnsureSuccessStatusCode();
        }
        string[] Groups(string text) => text.Length == 0 ? [] : [text];
        var owner = await Do(console, a => a.Create(SystemActor.CommandLine, "owner", "a-long-password-1", [Role.Viewer], Groups(owners)));
        using var token = console.Client(await Do(console, a => a.CreateToken(SystemActor.CommandLine, "t", [Role.Viewer], Groups(tokens), owner: "owner")));
        Assert.Equal(sees, (await (await token.GetAsync("incidents")).Json()).GetProperty("items").GetArrayLength());
        // Moved to another tenant: what both may see is nothing, and then it is nobody's token.
        await Do(console, a => a.SetRoles(SystemActor.CommandLine, owner.Id, [Role.Viewer], ["tenant:elsewhere"]));
        var after = await token.GetAsync("incidents");
        Assert.Equal(tokens.Length > 0 ? HttpStatusCode.Unauthorized : HttpStatusCode.OK, after.StatusCode);
        if (tokens.Length == 0) Assert.Equal(0, (await after.Json()).GetProperty("items").GetArrayLength());
    }

    [Fact]
    public async Task An_administrator_lets_people_in_again_and_closes_the_door_behind_those_who_left()
    {
        await using var console = await TestConsole.Start(cluster);
        var admin = await Do(console, a => a.Create(SystemActor.CommandLine, "boss", "a-long-password-1", [Role.Admin], []));
        var person = await Do(console, a => a.Create(SystemActor.CommandLine, "person", "a-long-password-1", [Role.Viewer], []));
        using var open = await SignIn(console, "person", "a-long-password-1");
        // Forgotten: the new password works, the old one and every session do not, and a lock is gone with it.
        using (var guess = Browser(console))
            for (var n = 0; n < 5; n++) await Submit(guess, "person", "wrong");
        var password = await Do(console, a => a.ResetPassword(SystemActor.CommandLine, person.Id));
        Assert.Equal(HttpStatusCode.Unauthorized, (await open.GetAsync("/api/v1/incidents")).StatusCode);
        using (var old = Browser(console)) Assert.Contains("error=wrong", (await Submit(old, "person", "a-long-password-1")).Headers.Location!.ToString(), StringComparison.Ordinal);
        using var again = await SignIn(console, "person", password);
        // Gone: signed out, kept out, and let in again when they come back.
        await Do(console, a => a.SetDisabled(SystemActor.CommandLine, person.Id, true));
        Assert.Equal(HttpStatusCode.Unauthorized, (await again.GetAsync("/api/v1/incidents")).StatusCode);
        using (var late = Browser(console)) Assert.Contains("error=locked", (await Submit(late, "person", password)).Headers.Location!.ToString(), StringComparison.Ordinal);
        await Do(console, a => a.SetDisabled(SystemActor.CommandLine, person.Id, false));
        using (await SignIn(console, "person", password))
        {
        }
        foreach (var other in await Do(console, a => Task.FromResult(a.All.Where(u => u.Id != admin.Id && u.Roles.Contains(Role.Admin)).ToList()))) await Do(console, a => a.SetDisabled(SystemActor.CommandLine, other.Id, true));
        // The last door stays open, nobody closes their own, and only administrators have the keys.
        Assert.Contains("last administrator", (await Assert.ThrowsAsync<RefusedException>(() => Do(console, a => a.SetDisabled(SystemActor.CommandLine, admin.Id, true)))).Refusal.Reason, StringComparison.Ordinal);
        var boss = new Actor(admin.Id, "boss", [Role.Admin], []);
        Assert.Contains("their own account", (await Assert.ThrowsAsync<RefusedException>(() => Do(console, a => a.SetDisabled(boss, admin.Id, true)))).Refusal.Reason, StringComparison.Ordinal);
        Assert.Equal(RefusalKind.Forbidden, (await Assert.ThrowsAsync<RefusedException>(() => Do(console, a => a.ResetPassword(new Actor(person.Id, "person", [Role.Viewer], []), admin.Id)))).Refusal.Kind);
        Assert.Equal(RefusalKind.Conflict, (await Assert.ThrowsAsync<RefusedException>(() => Do(console, a => a.ResetSecondFactor(boss, person.Id)))).Refusal.Kind);
        Assert.Equal(3, (await console.Services.GetRequiredService<EventJournal>().Search(new JournalSearch(Kind: "access.account.changed", Text: "person"))).Count);
    }

    [Fact]
    public async Task An_ended_session_is_out_and_a_sign_in_says_from_where()
    {
        await using var console = await TestConsole.Start(cluster);
        await Do(console, a => a.Create(SystemActor.CommandLine, "person", "a-long-password-1", [Role.Viewer], []));
        using var browser = await SignIn(console, "person", "a-long-password-1");
        Assert.Equal(HttpStatusCode.OK, (await browser.GetAsync("/api/v1/incidents")).StatusCode);
        var signedIn = (await console.Services.GetRequiredService<EventJournal>().Search(new JournalSearch(Kind: "access.signed.in", Text: "person"))).Single();
        Assert.Equal("127.0.0.1", ((SignedIn)signedIn.Event).From);
        var account = await Do(console, a => Task.FromResult(a.All.Single(u => u.UserName == "person")));
        Assert.Equal(1, await Do(console, a => a.EndSessions(SystemActor.CommandLine, account.Id, null)));
        Assert.Equal(HttpStatusCode.Unauthorized, (await browser.GetAsync("/api/v1/incidents")).StatusCode);
    }

    [Theory]
    [InlineData("", "127.0.0.1")]
    [InlineData("127.0.0.1", "203.0.113.7")]
    [InlineData("192.0.2.1", "127.0.0.1")]
    public async Task An_address_that_a_proxy_names_is_believed_of_trusted_proxies_only(string trusted, string journaled)
    {
        await using var console = await TestConsole.Start(cluster, ("Console:TrustedProxies", trusted));
        using var browser = Browser(console);
        browser.DefaultRequestHeaders.Add("X-Forwarded-For", "203.0.113.7");
        await Submit(browser, "nobody", "wrong");
        var failed = Assert.Single(await console.Services.GetRequiredService<EventJournal>().Search(new JournalSearch(Kind: "access.sign-in.failed")));
        Assert.Equal(journaled, ((SignInFailed)failed.Event).From);
    }

    [Fact]
    public async Task Guessing_passwords_locks_the_account_and_then_the_right_one_is_refused_too()
    {
        await using var console = await TestConsole.Start(cluster);
        await Do(console, a => a.Create(SystemActor.CommandLine, "victim", "a-long-password-1", [Role.Viewer], []));
        using var browser = Browser(console);
        for (var n = 0; n < 5; n++) await Submit(browser, "victim", $"wrong-{n}");
        Assert.Contains("error=locked", (await Submit(browser, "victim", "a-long-password-1")).Headers.Location!.ToString(), StringComparison.Ordinal);
        // And whoever goes on guessing other names is slowed down.
        var answers = new List<string>();
        for (var n = 0; n < 200 && !answers.Exists(a => a.Contains("error=again", StringComparison.Ordinal)); n++) answers.Add((await Submit(browser, $"name-{n}", "wrong")).Headers.Location!.ToString());
        Assert.Contains(answers, a => a.Contains("error=wrong", StringComparison.Ordinal));
        Assert.Contains("error=again", answers[^1], StringComparison.Ordinal);
        Assert.True((await console.Services.GetRequiredService<EventJournal>().Search(new JournalSearch(Kind: "access.sign-in.failed"))).Count >= 6);
    }

    [Fact]
    public async Task Single_sign_on_makes_the_account_and_follows_the_providers_groups()
    {
        await using var provider = await OAuthProvider.Start("incident-commanders", "platform_lead");
        await using var console = await TestConsole.Start(cluster, [.. provider.Settings, ("OAuth:Roles:commander", "incident-commanders"), ("OAuth:Roles:viewer", "everybody")]);
        using (var browser = Browser(console))
        {
            Assert.Equal("/", (await Follow(browser, "/sign-in/oauth")).RequestMessage!.RequestUri!.AbsolutePath);
            Assert.Equal(HttpStatusCode.Created, (await browser.SendAsync(new HttpRequestMessage(HttpMethod.Post, "/api/v1/incidents") { Content = JsonContent.Create(new { title = "T", service = "s", environment = "production", severity = "low" }), Headers = { { "Sec-Fetch-Site", "same-origin" } } })).StatusCode);
        }
        var account = await Do(console, a => Task.FromResult(a.All.Single(u => u.UserName == "jo@example.test")));
        Assert.Equal([Role.Commander], account.Roles);
        Assert.Contains("platform_lead", account.Groups);
        provider.Groups = ["everybody"];
        using (var browser = Browser(console)) await Follow(browser, "/sign-in/oauth");
        Assert.Equal([Role.Viewer], await Do(console, a => Task.FromResult(a.All.Single(u => u.UserName == "jo@example.test").Roles)));
        provider.Groups = ["strangers"];
        using (var browser = Browser(console)) Assert.Contains("error=outside", (await Follow(browser, "/sign-in/oauth")).RequestMessage!.RequestUri!.Query, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("<script>alert(1)</script>")]
    [InlineData("line one\r\nSet-Cookie: stolen=1\r\n\r\n<b>")]
    [InlineData("\u001b[31mred\u001b[0m \u202Eneve")]
    public async Task What_people_write_is_kept_as_text_and_breaks_neither_headers_nor_logs(string text)
    {
        await using var console = await TestConsole.Start(cluster);
        using var commander = await console.As(Role.Commander);
        var incident = await (await commander.PostAsJsonAsync("incidents", new { title = text, service = "s", environment = "production", severity = "low" })).Json(HttpStatusCode.Created);
        var id = incident.GetProperty("id").GetString();
        (await commander.PostAsJsonAsync($"incidents/{id}/notes", new { text })).EnsureSuccessStatusCode();
        var answer = await commander.GetAsync($"incidents/{id}/timeline");
        Assert.Equal("application/json", answer.Content.Headers.ContentType!.MediaType);
        Assert.Equal("nosniff", answer.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.False(answer.Headers.Contains("Set-Cookie"));
        Assert.DoesNotContain("<script>", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        // A name with a line break in a path or a header does not reach one.
        Assert.NotEqual(HttpStatusCode.InternalServerError, (await commander.GetAsync($"incidents?status={Uri.EscapeDataString(text)}")).StatusCode);
        Assert.NotEqual(HttpStatusCode.InternalServerError, (await commander.GetAsync("runs/" + Uri.EscapeDataString("../../../../etc/passwd") + "/logs/raw")).StatusCode);
    }

    private static async Task<HttpResponseMessage> Follow(HttpClient browser, string path)
    {
        var answer = await browser.GetAsync(path);
        for (var hops = 0; answer.StatusCode is HttpStatusCode.Redirect or HttpStatusCode.Found && hops < 10; hops++) answer = await browser.GetAsync(answer.Headers.Location);
        return answer;
    }

    private static HttpClient Browser(TestConsole console) => new(new HttpClientHandler { AllowAutoRedirect = false, CookieContainer = new CookieContainer() }) { BaseAddress = new Uri(console.Address) };

    private static async Task<HttpClient> SignIn(TestConsole console, string name, string password)
    {
        var browser = Browser(console);
        Assert.Equal("/", (await Submit(browser, name, password)).Headers.Location!.ToString());
        return browser;
    }

    private static async Task<HttpResponseMessage> Submit(HttpClient browser, string name, string password)
    {
        var page = await browser.GetStringAsync("/sign-in");
        var token = AntiforgeryField().Match(page).Groups["token"].Value;
        return await browser.PostAsync("/sign-in/submit", new FormUrlEncodedContent([new("name", name), new("password", password), new("__RequestVerificationToken", token)]));
    }

    private static Task<string> Token(TestConsole console, string name, string[] roles, TimeSpan? expires = null, string[]? scope = null, string? owner = null) =>
        Do(console, a => a.CreateToken(SystemActor.CommandLine, name, roles, [], expires, scope, owner));

    private static async Task<T> Do<T>(TestConsole console, Func<Accounts, Task<T>> work)
    {
        await using var scope = console.Services.CreateAsyncScope();
        return await work(scope.ServiceProvider.GetRequiredService<Accounts>());
    }

    private static Task Do(TestConsole console, Func<Accounts, Task> work) => Do(console, async a => { await work(a); return 0; });

    [GeneratedRegex("name=\"__RequestVerificationToken\"[^>]*value=\"(?<token>[^\"]+)\"", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex AntiforgeryField();
}
