using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using RollbackConsole.Domain.Access;
using RollbackConsole.Tests;

namespace RollbackConsole.Web.Tests;

public sealed class ApiTests(TestCluster cluster)
{
    private const string OneStep = "plan: one\ntitle: One\nparameters: {v: {default: x}}\nsteps: [{id: one, uses: command/run, with: {argv: [echo, 'hello {{parameters.v}}']}}]";

    [Fact]
    public async Task The_whole_story_over_the_api()
    {
        await using var console = await TestConsole.Start(cluster);
        using var commander = await console.As(Role.Commander);
        using var approver = await console.As(Role.Approver);
        var run = await console.Request(commander, OneStep, new { v = "$(id)" });
        Assert.Equal(("awaitingApproval", 1), (run.Text("status"), run.GetProperty("approvals").GetArrayLength()));
        var approved = await (await approver.PostAsJsonAsync($"runs/{run.Text("id")}/approvals", new { decision = "approve", digest = run.Text("digest"), comment = "ok" })).Json();
        Assert.NotEqual("awaitingApproval", approved.Text("status"));
        var done = await commander.Until($"runs/{run.Text("id")}", r => r.Text("status") == "finished");
        Assert.Equal("succeeded", done.Text("outcome"));
        var step = done.GetProperty("steps")[0];
        Assert.Equal(("succeeded", 1, 0), (step.Text("status"), step.GetProperty("attempt").GetInt32(), step.GetProperty("exitCode").GetInt32()));
        var logs = await (await commander.GetAsync($"runs/{run.Text("id")}/logs")).Json();
        Assert.Equal("hello $(id)", logs.GetProperty("lines")[0].Text("text"));
        Assert.Equal((1, 1), (logs.GetProperty("next").GetInt32(), logs.GetProperty("last").GetInt32()));
        Assert.Contains("hello $(id)", await commander.GetStringAsync($"runs/{run.Text("id")}/logs/raw"), StringComparison.Ordinal);
        var timeline = await (await commander.GetAsync($"incidents/{done.Text("incidentId")}/timeline")).Json();
        Assert.Contains(timeline.GetProperty("items").EnumerateArray(), r => r.Text("kind") == "run.finished");
        using var admin = await console.As(Role.Admin);
        Assert.True((await (await admin.GetAsync("audit/verify")).Json()).GetProperty("holds").GetBoolean());
    }

    [Fact]
    public async Task Strangers_wrong_tokens_and_wrong_roles_are_told_apart()
    {
        await using var console = await TestConsole.Start(cluster);
        using var nobody = console.Client(null);
        using var forged = console.Client("rc_" + new string('0', 64));
        using var viewer = await console.As(Role.Viewer);
        var body = new { title = "T", service = "s", environment = "production", severity = "low" };
        Assert.Equal(HttpStatusCode.Unauthorized, (await nobody.GetAsync("incidents")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await forged.GetAsync("incidents")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await viewer.GetAsync("incidents")).StatusCode);
        Assert.Contains("responder or commander", (await (await viewer.PostAsJsonAsync("incidents", body)).Json(HttpStatusCode.Forbidden)).Text("detail"), StringComparison.Ordinal);
        foreach (var (method, path) in ((HttpMethod, string)[])[(HttpMethod.Put, "plans/x"), (HttpMethod.Post, "runs/x/abort"), (HttpMethod.Get, "audit"), (HttpMethod.Post, "hooks/signals"), (HttpMethod.Post, "incidents/x/commander")])
        {
            var status = (await viewer.SendAsync(new HttpRequestMessage(method, path) { Content = JsonContent.Create(new { reason = "r" }) })).StatusCode;
            Assert.True(status == HttpStatusCode.Forbidden, $"{method} {path}: {status}");
        }
    }

    [Fact]
    public async Task Refusals_are_problem_details_with_the_field()
    {
        await using var console = await TestConsole.Start(cluster);
        using var commander = await console.As(Role.Commander);
        await Refused(commander.PostAsJsonAsync("incidents", new { title = "", service = "s", environment = "p", severity = "low" }), 400, "title");
        await Refused(commander.PostAsJsonAsync("incidents", new { title = "T", service = "s", environment = "p" }), 400, "severity");
        await Refused(commander.PostAsJsonAsync("incidents", new { title = "T", service = "s", environment = "p", severity = "terrible" }), 400, "severity");
        await Refused(commander.PostAsJsonAsync("incidents", new { title = "T", service = "s", environment = "p", signals = new { errorrate = 0.4, erorRate = 1 } }), 400, "signals");
        await Refused(commander.PostAsync("incidents", new StringContent("{not json", Encoding.UTF8, "application/json")), 400, null);
        await Refused(commander.PostAsync("incidents", new StringContent("a=b", Encoding.UTF8, "text/plain")), 415, null);
        await Refused(commander.GetAsync("incidents?limit=501"), 400, "limit");
        await Refused(commander.GetAsync("incidents?status=ajar"), 400, "status");
        await Refused(commander.GetAsync("incidents/none"), 404, null);
        await Refused(commander.GetAsync("runs/none"), 404, null);
        await Refused(commander.GetAsync("nothing/here"), 404, null);
        await Refused(commander.PostAsJsonAsync("severity/evaluate", new { signals = new { } }), 400, "signals");
        await Refused(commander.PostAsJsonAsync("hooks/signals", new { service = "s", environment = "p", metric = "errorRate" }), 400, "value");
        await Refused(commander.PostAsync("hooks/signals", new StringContent("<xml/>", Encoding.UTF8, "application/json")), 400, null);
    }

    [Fact]
    public async Task Severity_is_evaluated_with_the_rules_that_fired()
    {
        await using var console = await TestConsole.Start(cluster);
        using var viewer = await console.As(Role.Viewer);
        var answer = await (await viewer.PostAsJsonAsync("severity/evaluate", new { signals = new { errorRate = 0.31, slowdown = 0.5 } })).Json();
        Assert.Equal(("high", "15m", "quickFixThenRollBack"), (answer.Text("severity"), answer.Text("decideWithin"), answer.Text("action")));
        Assert.Equal(2, answer.GetProperty("rules").GetArrayLength());
    }

    [Fact]
    public async Task A_plan_with_errors_is_refused_with_their_places_and_one_over_a_megabyte_as_too_large()
    {
        await using var console = await TestConsole.Start(cluster);
        using var admin = await console.As(Role.Admin);
        var refused = await (await admin.PutAsync("plans/bad", Yaml("plan: bad\ntitle: T\nsteps:\n  - id: a\n    uses: no/such"))).Json(HttpStatusCode.BadRequest);
        Assert.Contains("Line 5, column 11", refused.GetProperty("errors").GetProperty("steps[0].uses")[0].GetString(), StringComparison.Ordinal);
        var validated = await (await admin.PostAsync("plans/validate", Yaml("plan: bad\ntitle: T\nsteps: [{id: a, uses: wait/for}]"))).Json();
        Assert.False(validated.GetProperty("valid").GetBoolean());
        Assert.Equal((3, 9), (validated.GetProperty("errors")[0].GetProperty("line").GetInt32(), validated.GetProperty("errors")[0].GetProperty("column").GetInt32()));
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await admin.PutAsync("plans/large", Yaml("#" + new string('x', 1024 * 1024 + 10)))).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await admin.PutAsync("plans/bytes", new ByteArrayContent([0xff, 0xfe, 0x80]) { Headers = { ContentType = new("text/yaml") } })).StatusCode);
        Assert.Equal(0, (await (await admin.GetAsync("plans")).Json()).GetProperty("items").GetArrayLength());
    }

    [Fact]
    public async Task Plans_are_kept_as_versions_and_previewed()
    {
        await using var console = await TestConsole.Start(cluster);
        using var admin = await console.As(Role.Admin);
        var first = await (await admin.PutAsync("plans/one", Yaml(OneStep))).Json();
        var second = await (await admin.PutAsync("plans/one", Yaml(OneStep + "\n# a remark"))).Json();
        Assert.Equal((1, first.Text("digest")), (second.GetProperty("version").GetInt32(), second.Text("digest")));
        Assert.Equal(OneStep, (await (await admin.GetAsync("plans/one/versions/1")).Json()).Text("source"));
        Assert.Equal(HttpStatusCode.NotFound, (await admin.GetAsync("plans/one/versions/2")).StatusCode);
        var preview = await (await admin.PostAsJsonAsync("plans/one/preview", new { parameters = new { v = 7 } })).Json();
        Assert.Equal("Runs echo 'hello 7'", preview.GetProperty("steps")[0].GetProperty("does")[0].GetString());
    }

    [Fact]
    public async Task A_stale_digest_and_a_second_decision_conflict()
    {
        await using var console = await TestConsole.Start(cluster);
        using var commander = await console.As(Role.Commander);
        using var approver = await console.As(Role.Approver);
        var run = await console.Request(commander, OneStep);
        await Refused(approver.PostAsJsonAsync($"runs/{run.Text("id")}/approvals", new { decision = "approve", digest = "sha256:other", comment = "" }), 409, null);
        await Refused(approver.PostAsJsonAsync($"runs/{run.Text("id")}/approvals", new { decision = "maybe", digest = run.Text("digest") }), 400, "decision");
        await Refused(commander.PostAsJsonAsync($"runs/{run.Text("id")}/approvals", new { decision = "approve", digest = run.Text("digest") }), 403, null);
        (await approver.PostAsJsonAsync($"runs/{run.Text("id")}/approvals", new { decision = "reject", digest = run.Text("digest"), comment = "no" })).EnsureSuccessStatusCode();
        await Refused(approver.PostAsJsonAsync($"runs/{run.Text("id")}/approvals", new { decision = "approve", digest = run.Text("digest") }), 409, null);
    }

    [Fact]
    public async Task The_requester_cannot_approve_through_a_token_with_both_roles()
    {
        await using var console = await TestConsole.Start(cluster);
        using var both = await console.As(Role.Commander, Role.Approver);
        var run = await console.Request(both, OneStep);
        await Refused(both.PostAsJsonAsync($"runs/{run.Text("id")}/approvals", new { decision = "approve", digest = run.Text("digest") }), 403, null);
    }

    [Fact]
    public async Task The_same_idempotency_key_twice_does_one_thing_even_at_the_same_moment()
    {
        await using var console = await TestConsole.Start(cluster);
        using var commander = await console.As(Role.Commander);
        HttpRequestMessage Declare(string title) => new(HttpMethod.Post, "incidents")
        {
            Content = JsonContent.Create(new { title, service = "s", environment = "p", severity = "low" }),
            Headers = { { "Idempotency-Key", "key-1" } },
        };
        var answers = await Task.WhenAll(commander.SendAsync(Declare("T")), commander.SendAsync(Declare("T")), commander.SendAsync(Declare("T")));
        var ids = new List<string>();
        foreach (var answer in answers) ids.Add((await answer.Json(HttpStatusCode.Created)).Text("id"));
        Assert.Single(ids.Distinct());
        Assert.Equal(1, (await (await commander.GetAsync("incidents")).Json()).GetProperty("items").GetArrayLength());
        await Refused(commander.SendAsync(Declare("Another")), 409, null);
        using var other = await console.As(Role.Commander);
        await (await other.SendAsync(Declare("T"))).Json(HttpStatusCode.Created);
    }

    [Fact]
    public async Task Lists_page_without_losing_or_repeating()
    {
        await using var console = await TestConsole.Start(cluster);
        using var commander = await console.As(Role.Commander);
        for (var n = 0; n < 5; n++) await commander.PostAsJsonAsync("incidents", new { title = $"T{n}", service = "s", environment = "p", severity = "low" });
        var seen = new List<int>();
        string? after = null;
        do
        {
            var page = await (await commander.GetAsync($"incidents?status=open&limit=2{(after is null ? "" : "&after=" + after)}")).Json();
            seen.AddRange(page.GetProperty("items").EnumerateArray().Select(i => i.GetProperty("number").GetInt32()));
            after = page.GetProperty("next").GetString();
        }
        while (after is not null);
        Assert.Equal([5, 4, 3, 2, 1], seen);
    }

    [Fact]
    public async Task Three_bad_readings_declare_the_incident_with_its_severity()
    {
        await using var console = await TestConsole.Start(cluster);
        using var prober = await console.As(Role.Responder);
        JsonElement last = default;
        for (var n = 0; n < 3; n++) last = await (await prober.PostAsJsonAsync("hooks/signals", new { service = "shop-api", environment = "production", metric = "errorRate", value = 0.4 })).Json(HttpStatusCode.Accepted);
        var incident = await (await prober.GetAsync($"incidents/{last.Text("incidentId")}")).Json();
        Assert.Equal(("high", "open", JsonValueKind.Null), (incident.Text("severity"), incident.Text("status"), incident.GetProperty("commander").ValueKind));
    }

    [Fact]
    public async Task Headers_are_strict_health_is_open_and_the_api_describes_itself()
    {
        await using var console = await TestConsole.Start(cluster);
        using var nobody = new HttpClient { BaseAddress = new Uri(console.Address) };
        var page = await nobody.GetAsync("/sign-in");
        Assert.Contains("script-src 'self';", page.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        Assert.Equal("nosniff", page.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.Equal("ready", (await (await nobody.GetAsync("/health/ready")).Json()).Text("status"));
        using var viewer = await console.As(Role.Viewer);
        var description = await (await viewer.GetAsync(console.Address + "/openapi/v1.json")).Json();
        Assert.True(description.GetProperty("paths").TryGetProperty("/api/v1/runs/{id}/approvals", out _));
    }

    [Fact]
    public async Task Signing_in_needs_an_antiforgery_token_and_locks_after_five_wrong_passwords()
    {
        await using var console = await TestConsole.Start(cluster);
        using var browser = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false }) { BaseAddress = new Uri(console.Address) };
        var bare = await browser.PostAsync("/sign-in/submit", new FormUrlEncodedContent([new("name", "admin"), new("password", "x")]));
        Assert.Equal("/sign-in?error=again", bare.Headers.Location!.ToString());
        var form = await browser.GetStringAsync("/sign-in");
        var token = System.Text.RegularExpressions.Regex.Match(form, "name=\"__RequestVerificationToken\" value=\"(?<token>[^\"]+)\"", System.Text.RegularExpressions.RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1)).Groups["token"].Value;
        string? last = null;
        for (var n = 0; n < 6; n++)
            last = (await browser.PostAsync("/sign-in/submit", new FormUrlEncodedContent([new("__RequestVerificationToken", token), new("name", "admin"), new("password", "wrong"), new("back", "https://evil.example/")]))).Headers.Location!.ToString();
        Assert.Equal("/sign-in?error=locked", last);
    }

    private static StringContent Yaml(string text) => new(text, Encoding.UTF8, new MediaTypeHeaderValue("text/yaml"));

    private static async Task Refused(Task<HttpResponseMessage> call, int status, string? field)
    {
        var answer = await call;
        var problem = await answer.Json((HttpStatusCode)status);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType!.MediaType);
        Assert.Equal(status, problem.GetProperty("status").GetInt32());
        if (field is not null) Assert.True(problem.GetProperty("errors").EnumerateObject().Any(e => e.Name.StartsWith(field, StringComparison.Ordinal)), problem.ToString());
    }
}
