using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using RollbackConsole.Domain.Access;
using RollbackConsole.Tests;
using RollbackConsole.Web.Access;

namespace RollbackConsole.Web.Tests;

/// <summary>From signal to severity, clock, proposal and escalation, over the API.</summary>
public sealed class DecideApiTests(TestCluster cluster)
{
    [Fact]
    public async Task Severity_is_judged_by_one_matrix_by_the_service_s_or_by_the_platform_s()
    {
        await using var console = await TestConsole.Start(cluster);
        using var viewer = await console.As(Role.Viewer);
        var high = await (await viewer.PostAsJsonAsync("severity/evaluate", new { signals = new { errorRate = 0.31, outage = false } })).Json();
        Assert.Equal(("high", "quickFixThenRollBack", "15m"), (high.Text("severity"), high.Text("action"), high.Text("decideWithin")));
        Assert.Equal(("platform", "error-rate-above-30"), (high.GetProperty("rules")[0].Text("matrix"), high.GetProperty("rules")[0].Text("rule")));
        var pipeline = await (await viewer.PostAsJsonAsync("severity/evaluate", new { matrix = "pipeline-triggers", signals = new { errorRate = 0.02 } })).Json();
        Assert.Equal("critical", pipeline.Text("severity"));
        // A signal that only one rule set knows makes that rule set speak.
        var ci = await (await viewer.PostAsJsonAsync("severity/evaluate", new { signals = new { testPassRate = 0.9 } })).Json();
        Assert.Equal(("high", "immediate"), (ci.Text("severity"), ci.GetProperty("rules")[0].Text("action")));
        Assert.Contains("no matrix 'none'", (await (await viewer.PostAsJsonAsync("severity/evaluate", new { matrix = "none", signals = new { errorRate = 0.1 } })).Json(HttpStatusCode.NotFound)).Text("detail"), StringComparison.Ordinal);
        foreach (var bad in new[] { "{}", "{\"signals\":{}}", "{\"signals\":{\"errorRat\":0.1}}", "{\"signals\":{\"errorRate\":1.5}}", "{\"signals\":{\"errorRate\":-1}}", "{\"signals\":{\"errorRate\":\"0.1\"}}", "{\"signals\":{\"outage\":1e400}}", "{\"signals\":{\"errorRate\":true}}", "{\"signals\":[1]}" })
            Assert.Equal(HttpStatusCode.BadRequest, (await viewer.PostAsync("severity/evaluate", new StringContent(bad, Encoding.UTF8, "application/json"))).StatusCode);
        var matrices = await (await viewer.GetAsync("matrices")).Json();
        Assert.Equal(10, matrices.GetProperty("items").GetArrayLength());
        Assert.Contains("1 % to 10 %", (await (await viewer.GetAsync("matrices/registry-symptoms")).Json()).GetProperty("findings")[0].Text("message"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_edited_matrix_is_a_new_version_that_judges_at_once_and_is_left_alone_by_the_next_start()
    {
        await using var console = await TestConsole.Start(cluster);
        using var admin = await console.As(Role.Admin);
        using var viewer = await console.As(Role.Viewer);
        var yaml = (await (await admin.GetAsync("library/matrices/platform")).Json()).Text("source").Replace("above: 0.30", "above: 0.20", StringComparison.Ordinal).Replace("to: 0.30", "to: 0.20", StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Forbidden, (await viewer.PutAsync("library/matrices/platform", Yaml(yaml))).StatusCode);
        Assert.Equal(2, (await (await admin.PutAsync("library/matrices/platform", Yaml(yaml))).Json()).GetProperty("version").GetInt32());
        Assert.Equal("high", (await (await viewer.PostAsJsonAsync("severity/evaluate", new { signals = new { errorRate = 0.25 } })).Json()).Text("severity"));
        await Engine.Library.StandardDocuments.Seed(console.Services.GetRequiredService<Engine.Library.DocumentLibrary>(), SystemActor.Library, default);
        await console.Services.GetRequiredService<Setup.LibraryImport>().Import(Path.Combine(Root, "deploy/library"), SystemActor.Library, Domain.Library.Arrival.Seed, default);
        Assert.Equal(2, (await (await admin.GetAsync("library/matrices/platform")).Json()).GetProperty("version").GetInt32());
        // Somebody who imports it by hand wants it in force.
        await console.Services.GetRequiredService<Setup.LibraryImport>().Import(Path.Combine(Root, "deploy/library"), SystemActor.Library, Domain.Library.Arrival.Put, default);
        Assert.Equal(3, (await (await admin.GetAsync("library/matrices/platform")).Json()).GetProperty("version").GetInt32());
        // Two editors: the one who saved on an old version is told, and overwrites nothing.
        var stale = new HttpRequestMessage(HttpMethod.Put, "library/matrices/platform") { Content = Yaml(yaml), Headers = { { "If-Match", "\"sha256:old\"" } } };
        Assert.Contains("since you opened it", (await (await admin.SendAsync(stale)).Json(HttpStatusCode.Conflict)).Text("detail"), StringComparison.Ordinal);
        var gap = await (await admin.PostAsync("library/matrices/validate", Yaml(yaml.Replace("to: 0.20 }", "to: 0.15 }", StringComparison.Ordinal)))).Json();
        Assert.True(gap.GetProperty("valid").GetBoolean());
        Assert.Contains("nothing is said", gap.GetProperty("warnings")[0].Text("message"), StringComparison.Ordinal);
        var unit = await (await admin.PutAsync("library/matrices/mine", Yaml("matrix: mine\ntitle: M\ntype: triggers\nsource: S\nsignals: { errorRate: { title: E, unit: count } }\nrules: []"))).Json(HttpStatusCode.BadRequest);
        Assert.Contains("one name has one meaning", unit.Text("detail"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_catalog_decides_rule_sets_limits_and_warnings()
    {
        await using var console = await TestConsole.Start(cluster);
        using var admin = await console.As(Role.Admin);
        using var commander = await console.As(Role.Commander);
        await Catalog(admin, "component:registry", "kind: Component\nmetadata: {name: registry}\nspec:\n  operations: {tenant: '1000', environments: [production], matrices: [registry-symptoms], escalation: registry}");
        await Catalog(admin, "tenant:1000", "kind: Tenant\nmetadata: {name: '1000', title: Tenant 1000}\nspec: {operations: {maximum-rollback: 15m}}");
        (await admin.PutAsync("plans/flag", Yaml("plan: flag\ntitle: Switch it off\nservice: registry\nlevel: 1\nobjective: 1m\nsteps: [{id: a, uses: wait/for, with: {duration: 1s}}]"))).EnsureSuccessStatusCode();
        (await admin.PutAsync("plans/structural", Yaml("plan: structural\ntitle: Take the schema back\nservice: registry\nrisk: breaking\nlevel: 2\nobjective: 45m\ndowntime: 10m-15m\nsteps: [{id: a, uses: wait/for, with: {duration: 1s}}]"))).EnsureSuccessStatusCode();

        var known = await (await commander.PostAsJsonAsync("incidents", new { title = "Memory grows", service = "registry", environment = "production", signals = new { memoryLeak = true } })).Json(HttpStatusCode.Created);
        Assert.Equal(("high", 0), (known.Text("severity"), known.GetProperty("warnings").GetArrayLength()));
        var proposal = await (await commander.GetAsync($"incidents/{known.Text("id")}/proposal")).Json();
        Assert.Equal(["flag", "structural"], proposal.GetProperty("plans").EnumerateArray().Select(p => p.Text("name")));
        Assert.Contains("level 1 is what the symptom asks for", proposal.GetProperty("plans")[0].GetProperty("why").EnumerateArray().Select(w => w.GetString()));
        Assert.Contains("Tenant 1000 allows 15m", proposal.GetProperty("plans")[1].Text("infeasible"), StringComparison.Ordinal);
        Assert.StartsWith("Switch the feature flag off", proposal.Text("alternative"), StringComparison.Ordinal);

        var strange = await (await commander.PostAsJsonAsync("incidents", new { title = "T", service = "nobody-knows", environment = "production", severity = "low" })).Json(HttpStatusCode.Created);
        Assert.Contains("does not know the service", strange.GetProperty("warnings")[0].GetString(), StringComparison.Ordinal);
        var elsewhere = await (await commander.PostAsJsonAsync("incidents", new { title = "T", service = "registry", environment = "moon", severity = "low" })).Json(HttpStatusCode.Created);
        Assert.Contains("environment 'moon'", elsewhere.GetProperty("warnings")[0].GetString(), StringComparison.Ordinal);
        var broken = await (await admin.PutAsync("library/catalog/component:x", Yaml("apiVersion: v1\nkind: Gadget\nmetadata: {name: 'x y'}\nspec: {operations: {health: [{name: h, url: 'javascript:alert(1)'}]}}"))).Json(HttpStatusCode.BadRequest);
        Assert.Equal(["apiVersion", "kind", "metadata.name", "spec.operations.health[0].url"], broken.GetProperty("errors").EnumerateObject().Select(e => e.Name).Order());
    }

    [Fact]
    public async Task Command_is_handed_over_roles_are_given_and_the_decision_is_on_record()
    {
        await using var console = await TestConsole.Start(cluster);
        await using (var scope = console.Services.CreateAsyncScope())
        {
            var accounts = scope.ServiceProvider.GetRequiredService<Accounts>();
            await accounts.Create(SystemActor.CommandLine, "second", "a long enough password", [Role.Commander], []);
            await accounts.Create(SystemActor.CommandLine, "onlooker", "a long enough password", [Role.Viewer], []);
        }
        using var commander = await console.As(Role.Commander);
        using var responder = await console.As(Role.Responder);
        using var viewer = await console.As(Role.Viewer);
        var id = (await (await commander.PostAsJsonAsync("incidents", new { title = "T", service = "s", environment = "production", severity = "high" })).Json(HttpStatusCode.Created)).Text("id");
        Assert.Equal("commander", (await (await commander.PostAsync($"incidents/{id}/commander", null)).Json()).Text("commander"));
        Assert.Equal("second", (await (await commander.PostAsJsonAsync($"incidents/{id}/commander", new { to = "second" })).Json()).Text("commander"));
        Assert.Contains("none of the roles", (await (await commander.PostAsJsonAsync($"incidents/{id}/commander", new { to = "onlooker" })).Json(HttpStatusCode.BadRequest)).Text("detail"), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Forbidden, (await responder.PostAsJsonAsync($"incidents/{id}/commander", new { to = "second" })).StatusCode);
        await (await responder.PostAsJsonAsync($"incidents/{id}/roles", new { role = "scribe" })).Json();
        await (await responder.PostAsJsonAsync($"incidents/{id}/roles", new { role = "scribe" })).Json(HttpStatusCode.Conflict);
        await (await responder.PostAsJsonAsync($"incidents/{id}/items", new { list = "evidence", item = "logs", text = "50 errors, saved" })).Json();
        await (await responder.PostAsJsonAsync($"incidents/{id}/items", new { list = "evidence", item = "nothing" })).Json(HttpStatusCode.NotFound);
        var rows = (await (await viewer.GetAsync($"incidents/{id}/timeline")).Json()).GetProperty("items").EnumerateArray().ToList();
        await (await responder.PostAsJsonAsync($"incidents/{id}/pins", new { position = rows[0].GetProperty("position").GetInt64() })).Json();
        await (await responder.PostAsJsonAsync($"incidents/{id}/pins", new { position = 999_999 })).Json(HttpStatusCode.NotFound);
        await (await responder.PostAsJsonAsync($"incidents/{id}/decision", new { choice = "hold", reason = "r" })).Json(HttpStatusCode.Forbidden);
        await (await commander.PostAsJsonAsync($"incidents/{id}/decision", new { choice = "hold", reason = "" })).Json(HttpStatusCode.BadRequest);
        var held = await (await commander.PostAsJsonAsync($"incidents/{id}/decision", new { choice = "hold", reason = "The vendor looks", hold = "10m" })).Json();
        Assert.Equal(("hold", JsonValueKind.Null), (held.Text("decision"), held.GetProperty("decidedAt").ValueKind));
        var decided = await (await commander.PostAsJsonAsync($"incidents/{id}/decision", new { choice = "fixForward", reason = "The fix is out" })).Json();
        Assert.Equal("fixForward", decided.Text("decision"));
        await (await commander.PostAsync($"incidents/{id}/acknowledge", null)).Json(HttpStatusCode.Conflict);
        var kinds = (await (await viewer.GetAsync($"incidents/{id}/timeline")).Json()).GetProperty("items").EnumerateArray().Select(r => r.Text("kind")).ToList();
        foreach (var kind in new[] { "incident.escalated", "incident.acknowledged", "incident.commander.assigned", "incident.role.assigned", "incident.item.done", "incident.row.pinned", "incident.decided" }) Assert.Contains(kind, kinds);
        Assert.Equal("high", (await (await commander.PostAsJsonAsync($"incidents/{id}/severity", new { severity = "high", reason = "again" })).Json()).Text("severity"));
    }

    [Fact]
    public async Task Alertmanager_s_webhook_is_taken_as_it_is_and_refused_when_it_is_something_else()
    {
        await using var console = await TestConsole.Start(cluster);
        using var monitoring = await console.As(Role.Responder);
        using var viewer = await console.As(Role.Viewer);
        using var forged = console.Client("rc_" + new string('0', 64));
        var at = new Uri(console.Address + "/hooks/alertmanager");
        var body = Notification("firing", ("HighErrorRate", "shop", "critical"), ("Odd", null, null));
        Assert.Equal(HttpStatusCode.Unauthorized, (await forged.PostAsync(at, Json(body))).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await viewer.PostAsync(at, Json(body))).StatusCode);
        Assert.Equal(2, (await (await monitoring.PostAsync(at, Json(body))).Json(HttpStatusCode.Accepted)).GetProperty("received").GetInt32());
        Assert.Equal(2, (await (await monitoring.PostAsync("hooks/alertmanager", Json(body))).Json(HttpStatusCode.Accepted)).GetProperty("received").GetInt32());
        var open = await viewer.Until("incidents?status=open", l => l.GetProperty("items").GetArrayLength() == 2);
        Assert.Equal(["shop", "unassigned"], open.GetProperty("items").EnumerateArray().Select(i => i.Text("service")).Order());
        var shop = open.GetProperty("items").EnumerateArray().Single(i => i.Text("service") == "shop");
        Assert.Equal("critical", shop.Text("severity"));
        Assert.Equal("immediate", (await (await viewer.GetAsync($"incidents/{shop.Text("id")}/alerts")).Json()).GetProperty("items")[0].GetProperty("alert").Text("action"));

        foreach (var bad in new[] { "", "[]", "{}", "{\"version\":\"3\",\"alerts\":[]}", "{\"version\":\"4\"}", "{\"version\":\"4\",\"alerts\":[null]}", "{\"version\":\"4\",\"alerts\":[{\"labels\":{\"a\":null},\"commonLabels\":null}],\"commonLabels\":5}", "{\"version\":\"4\",\"alerts\":[{\"labels\":[]}]}", "{\"version\":\"4\",\"alerts\":[{\"startsAt\":\"yesterday\"}]}", "{\"version\":\"4\",\"alerts\":[{\"labels\":{\"service\":\"\\ud800\"}}]}", new string('[', 5000) })
            Assert.Equal(HttpStatusCode.BadRequest, (await monitoring.PostAsync(at, Json(bad))).StatusCode);
        // The server hangs up on what is too large: a client that asks first hears why.
        using var large = new HttpRequestMessage(HttpMethod.Post, at) { Content = Json("{\"version\":\"4\",\"alerts\":[]," + new string(' ', 1_200_000) + "\"x\":1}"), Headers = { ExpectContinue = true } };
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await monitoring.SendAsync(large)).StatusCode);
        Assert.Equal(HttpStatusCode.Accepted, (await monitoring.PostAsync(at, Json(Notification("firing", ("Zero\\u0000", "zero\\u0000", "high"))))).StatusCode);
        await viewer.Until("incidents?status=open", l => l.GetProperty("items").EnumerateArray().Any(i => i.Text("service") == "zero"));
        var signal = await (await monitoring.PostAsync("hooks/signals", Json("{\"service\":\"shop\",\"environment\":\"production\",\"metric\":\"errorRate\",\"value\":\"NaN\"}"))).Json(HttpStatusCode.BadRequest);
        Assert.Contains("value", signal.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_scanner_a_pipeline_and_a_warehouse_open_incidents_through_generic_signals()
    {
        await using var console = await TestConsole.Start(cluster);
        using var admin = await console.As(Role.Admin);
        using var monitoring = await console.As(Role.Responder);
        await Catalog(admin, "component:etl", "kind: Component\nmetadata: {name: etl}\nspec: {operations: {matrices: [delivery-triggers, pipeline-degradation]}}");
        async Task<JsonElement> Signal(string metric, double value, double? baseline = null) =>
            await (await monitoring.PostAsJsonAsync("hooks/signals", new { service = "etl", environment = "production", metric, value, baseline })).Json(HttpStatusCode.Accepted);
        Assert.Equal(JsonValueKind.Null, (await Signal("testPassRate", 0.97)).GetProperty("incidentId").ValueKind);
        var id = (await Signal("testPassRate", 0.90)).Text("incidentId");
        Assert.Equal("high", (await (await monitoring.GetAsync($"incidents/{id}")).Json()).Text("severity"));
        Assert.Equal(id, (await Signal("criticalVulnerabilities", 1)).Text("incidentId"));
        Assert.Equal("critical", (await (await monitoring.GetAsync($"incidents/{id}")).Json()).Text("severity"));
        // A storm of deadlocks against their baseline needs three readings, like everything that is measured again and again.
        Assert.Equal(JsonValueKind.Null, (await Signal("deadlocks", 9, 2)).GetProperty("incidentId").ValueKind);
    }

    [Fact]
    public async Task An_automatic_trigger_asks_for_the_run_only_where_the_service_allows_it_and_never_approves_it()
    {
        await using var console = await TestConsole.Start(cluster);
        using var admin = await console.As(Role.Admin);
        using var monitoring = await console.As(Role.Responder);
        foreach (var (name, allowed) in new[] { ("willing", "true"), ("careful", "false") })
        {
            await Catalog(admin, $"component:{name}", $"kind: Component\nmetadata: {{name: {name}}}\nspec: {{operations: {{matrices: [saas-triggers], automatic-rollback: {allowed}}}}}");
            (await admin.PutAsync($"plans/{name}", Yaml($"plan: {name}\ntitle: Back\nservice: {name}\nsteps: [{{id: a, uses: wait/for, with: {{duration: 1s}}}}]"))).EnsureSuccessStatusCode();
            for (var n = 0; n < 3; n++) await monitoring.PostAsJsonAsync("hooks/signals", new { service = name, environment = "production", metric = "latency", value = 2.5 });
        }
        var runs = await console.Services.GetRequiredService<Store.Runs.RunRows>().Recent(10);
        var run = Assert.Single(runs);
        Assert.Equal(("willing", "Rollback Console", Domain.Runs.RunStatus.AwaitingApproval), (run.Service, run.RequestedBy, run.Status));
    }

    private static string Root => Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../../../.."));

    private static async Task Catalog(HttpClient admin, string name, string yaml) =>
        await (await admin.PutAsync($"library/catalog/{name}", Yaml("apiVersion: backstage.io/v1alpha1\n" + yaml))).Json();

    private static StringContent Yaml(string text) => new(text, Encoding.UTF8, "text/yaml");

    private static StringContent Json(string text) => new(text, Encoding.UTF8, "application/json");

    private static string Notification(string status, params (string Name, string? Service, string? Severity)[] alerts) =>
        "{\"version\":\"4\",\"groupKey\":\"g\",\"status\":\"" + status + "\",\"receiver\":\"console\",\"groupLabels\":{},\"commonLabels\":{\"environment\":\"production\"},\"commonAnnotations\":{},\"externalURL\":\"http://a\",\"truncatedAlerts\":0,\"alerts\":[" +
        string.Join(",", alerts.Select(a => "{\"status\":\"" + status + "\",\"labels\":{\"alertname\":\"" + a.Name + "\"" + (a.Service is null ? "" : $",\"service\":\"{a.Service}\"") + (a.Severity is null ? "" : $",\"severity\":\"{a.Severity}\",\"action\":\"rollback\"") +
            "},\"annotations\":{},\"startsAt\":\"2026-01-01T00:00:00.000Z\",\"endsAt\":\"0001-01-01T00:00:00Z\",\"generatorURL\":\"http://p\"}")) + "]}";
}
