using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Library;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Domain.Signals;
using RollbackConsole.Engine.Incidents;
using RollbackConsole.Engine.Library;
using RollbackConsole.Engine.Signals;
using RollbackConsole.Store.Communication;
using RollbackConsole.Store.Incidents;
using RollbackConsole.Store.Journal;
using RollbackConsole.Store.Signals;
using RollbackConsole.Tests;

namespace RollbackConsole.Engine.Tests;

public sealed class AlertTests(TestCluster cluster)
{
    private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    [Fact]
    public async Task One_incident_for_a_service_whatever_is_grouped_repeated_or_resolved()
    {
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());
        var start = Now.AddMinutes(-1);
        await Send(node, Alert("a", start), Alert("b", start, severity: Level.Medium), Alert("a", start));
        var incident = await node.Incident(i => i.Alerts.Count == 2);
        Assert.Equal((Level.High, "Requests fail"), (incident.Severity, incident.Title));
        for (var n = 0; n < 5; n++) await Send(node, Alert("a", start));
        await Send(node, Alert("a", start, firing: false));
        await node.Incident(i => !i.Alerts["a"].Alert.Firing);
        await node.Drained();
        // A resolved alert is shown, and closes nothing by itself.
        Assert.Equal(IncidentStatus.Open, (await node.Only()).Status);
        var row = (await node.Get<AlertRows>().OfIncident(incident.Id)).Single(r => r.Alert.Fingerprint == "a");
        Assert.Equal((8L, 1, false), (row.Received, row.Fires, row.Alert.Firing));
        await Send(node, Alert("c", start, severity: Level.Critical));
        Assert.Equal(Level.Critical, (await node.Incident(i => i.Alerts.Count == 3)).Severity);
        Assert.Single(await node.Get<IncidentRows>().List(null, null, 10));
    }

    [Fact]
    public async Task A_replayed_delivery_opens_nothing_after_the_incident_was_closed_and_a_new_firing_does()
    {
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());
        var start = Now.AddMinutes(-1);
        await Send(node, Alert("a", start));
        var first = await node.Incident(i => i.Alerts.Count == 1);
        await node.Get<IncidentDesk>().Resolve(Node.Commander, first.Id, "over");
        await node.Get<IncidentDesk>().Close(Node.Commander, first.Id);
        await Send(node, Alert("a", start));
        await Send(node, Alert("a", start, firing: false));
        await node.Drained();
        Assert.Single(await node.Get<IncidentRows>().List(null, null, 10));
        await Send(node, Alert("a", Now));
        await node.Drained();
        Assert.Equal(2, (await node.Get<IncidentRows>().List(null, null, 10)).Count);
    }

    [Fact]
    public async Task What_began_and_ended_while_it_waited_is_told_and_an_end_without_a_beginning_opens_nothing()
    {
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());
        await Send(node, Alert("x", Now, firing: false) with { Service = "never-fired" });
        await Send(node, Alert("a", Now), Alert("a", Now, firing: false));
        var incident = await node.Incident(i => i.Alerts.Count == 1 && !i.Alerts["a"].Alert.Firing);
        Assert.Equal("shop", incident.Service);
        await node.Drained();
        Assert.Single(await node.Get<IncidentRows>().List(null, null, 10));
    }

    [Fact]
    public async Task A_burst_of_ten_thousand_is_bounded_and_counted_and_loses_no_new_service()
    {
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());
        var start = Now;
        // 20 services cry 500 different alerts each, all at once; a newcomer cries in the middle of it.
        var deliveries = Enumerable.Range(0, 100).Select(d => Enumerable.Range(0, 100).Select(n => Alert($"{d}-{n}", start) with { Service = $"service-{(d + n) % 20}" }).ToArray()).ToList();
        await Task.WhenAll(deliveries.Select(d => Send(node, d)).Append(Send(node, Alert("new", start) with { Service = "newcomer" })));
        await node.Drained();
        var incidents = await node.Get<IncidentRows>().List(null, null, 500);
        Assert.Equal(21, incidents.Count);
        Assert.Contains(incidents, i => i.Service == "newcomer");
        long received = 0;
        foreach (var i in incidents)
        {
            received += (await node.Get<AlertRows>().Totals(i.Service, i.Environment)).Received;
            Assert.True((await node.Get<EventJournal>().Load(Streams.Incidents, i.Id)).State.Alerts.Count <= IncidentDecider.MostAlerts);
        }
        Assert.Equal(10_001, received);
    }

    [Fact]
    public async Task Two_nodes_share_the_work_and_open_one_incident()
    {
        var database = await cluster.EmptyDatabase();
        await using var a = await Node.Start(database, cluster.Folder(), "node:1");
        await using var b = await Node.Start(database, cluster.Folder(), "node:2");
        await Task.WhenAll(Enumerable.Range(0, 40).Select(n => Send(n % 2 == 0 ? a : b, Alert($"f{n % 7}", Now.AddSeconds(-5)))));
        await a.Drained();
        Assert.Equal(7, (await a.Only()).Alerts.Count);
    }

    [Fact]
    public async Task Contacts_are_told_through_a_real_webhook_with_retries_until_somebody_acknowledges()
    {
        await using var hook = await Hook.Start(failFirst: 1);
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder(), settings: [("Channels:Webhooks:webhook:Url", hook.Url), ("Channels:Webhooks:webhook:Token", "let-me-in")]);
        await Keep(node, "standard", ("0s", "2s"), ("0s", "5m"));
        var incident = await node.Get<IncidentDesk>().Declare(Node.Commander, "Broken", "shop", "production", null, Level.High);
        await node.Incident(i => i.LevelReached == 2);
        await Until(() => hook.Received.Count >= 2);
        Assert.All(hook.Received, r => Assert.Equal("Bearer let-me-in", r.Authorization));
        // Which of the two comes through first is not said: the first try of each may be the one that is turned away.
        var first = Assert.Single(hook.Received.Select(r => JsonDocument.Parse(r.Body).RootElement), r => r.GetProperty("contact").GetProperty("address").GetString() == "@level-1").GetProperty("incident");
        Assert.Equal((1, "Broken"), (first.GetProperty("number").GetInt32(), first.GetProperty("title").GetString()));
        Assert.Equal(hook.Received.Select(r => r.Key).Distinct(), hook.Received.Select(r => r.Key));
        await Until(async () => (await node.Get<Outbox>().OfIncident(incident.Id)).All(d => d.Status == "sent"));
        Assert.Contains(await node.Get<Outbox>().OfIncident(incident.Id), d => d.Attempts == 2);
        await node.Get<IncidentDesk>().Acknowledge(Node.Commander, incident.Id);
        Assert.Equal("Commander", (await node.Only()).Acknowledged!.By.Name);
    }

    [Fact]
    public async Task A_contact_that_cannot_be_told_is_said_and_nothing_is_sent_once_it_is_over()
    {
        await using var hook = await Hook.Start(failFirst: int.MaxValue);
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder(), settings: [("Channels:Webhooks:down:Url", hook.Url)]);
        var missed = await node.Get<IncidentDesk>().Declare(Node.Commander, "Broken", "shop", "production", null, Level.High);
        await Until(async () => (await node.Get<EventJournal>().Read(0, 500, "incident/" + missed.Id)).Any(e => e.Event is ContactMissed m && m.Because.Contains("No channel 'webhook' is set up", StringComparison.Ordinal)));
        await Keep(node, "standard", ("0s", "5m"));
        await node.Get<DocumentLibrary>().Put(Node.Admin, LibraryKind.Escalations, null, Escalation("standard", "down", ("0s", "5m")), Arrival.Put, default);
        var incident = await node.Get<IncidentDesk>().Declare(Node.Commander, "Broken", "other", "production", null, Level.High);
        // The attempt is counted when it is taken, before the request leaves: it is the knock that has to be waited for.
        await Until(() => Task.FromResult(Volatile.Read(ref hook.Knocks) > 0));
        await node.Get<IncidentDesk>().Resolve(Node.Commander, incident.Id, "over");
        Assert.Equal("dropped", Assert.Single(await node.Get<Outbox>().OfIncident(incident.Id)).Status);
        var heard = Volatile.Read(ref hook.Knocks);
        // The next try would have come a second after the first.
        await Task.Delay(2500, TestContext.Current.CancellationToken);
        Assert.InRange(Volatile.Read(ref hook.Knocks), heard, heard + 1);
    }

    [Fact]
    public async Task An_overdue_decision_is_journaled_once_by_two_nodes_and_calls_the_next_level()
    {
        var database = await cluster.EmptyDatabase();
        await using var a = await Node.Start(database, cluster.Folder(), "node:1");
        await using var b = await Node.Start(database, cluster.Folder(), "node:2");
        var platform = StandardDocuments.All().First(d => d.File.EndsWith("/platform.yaml", StringComparison.Ordinal)).Yaml.Replace("decide: 5m", "decide: 2s", StringComparison.Ordinal);
        await a.Get<DocumentLibrary>().Put(Node.Admin, LibraryKind.Matrices, null, platform, Arrival.Put, default);
        await a.Get<IncidentDesk>().Declare(Node.Commander, "Broken", "shop", "production", null, Level.Critical);
        var incident = await a.Incident(i => i.OverdueAt is not null);
        await Task.Delay(2500, TestContext.Current.CancellationToken);
        var events = (await a.Get<EventJournal>().Read(0, 500, "incident/" + incident.Id)).Select(e => e.Event).ToList();
        Assert.Single(events.OfType<DecisionOverdue>());
        Assert.Equal([1, 2], events.OfType<IncidentEscalated>().Select(e => e.Level).Distinct());
    }

    [Fact]
    public async Task A_hostile_alert_costs_itself_and_no_other()
    {
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());
        // Cut in the middle of a character, the title could not be stored; half a character from a sender cannot be stored at all.
        await Send(node, Alert("long", Now) with { Service = "long", Summary = new string('x', 198) + "\ud83d\ude00" + new string('y', 50) });
        await Assert.ThrowsAnyAsync<Exception>(() => Send(node, Alert("half", Now) with { Service = "half\ud83d" }));
        await Send(node, Alert("fine", Now));
        await Until(async () => (await node.Get<IncidentRows>().List(null, null, 10)).Count == 2);
        Assert.Equal(["long", "shop"], (await node.Get<IncidentRows>().List(null, null, 10)).Select(i => i.Service).Order());
        Assert.All((await node.Get<IncidentRows>().List(null, null, 10)), i => Assert.True(i.Title.Length <= IncidentDecider.LongestTitle));
    }

    [Fact]
    public async Task Slow_senders_and_untidy_names_find_their_incident()
    {
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());
        var intake = node.Get<SignalIntake>();
        string? id = null;
        for (var n = 3; n >= 0; n--) id = await intake.Take(Node.Commander, new MetricPoint(n % 2 == 0 ? "shop " : "shop", " production", "errorRate", 0.5, null, Now.AddMinutes(-n)), default);
        Assert.NotNull(id);
        Assert.Single(await node.Get<IncidentRows>().List(null, null, 10));
    }

    [Fact]
    public async Task What_ships_never_stops_a_start_whatever_the_library_says_by_then()
    {
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());
        var library = node.Get<DocumentLibrary>();
        var symptoms = StandardDocuments.All().First(d => d.File.EndsWith("/registry-symptoms.yaml", StringComparison.Ordinal)).Yaml;
        var own = symptoms.Replace("memoryLeak: { title: Memory leaks, unit: fact }", "memoryLeak: { title: Memory leaks, unit: perhour }", StringComparison.Ordinal).Replace("{ memoryLeak: true }", "{ memoryLeak: { above: 0.1 } }", StringComparison.Ordinal);
        await library.Put(Node.Admin, LibraryKind.Matrices, null, own, Arrival.Put, default);
        await library.Put(Node.Admin, LibraryKind.Matrices, null, "matrix: mine\ntitle: M\ntype: triggers\nsource: S\nsignals: { memoryLeak: { title: L, unit: perhour } }\nrules: []", Arrival.Put, default);
        await StandardDocuments.Seed(library, Node.Admin, default);
        // The shipped text is version 1; what was edited since stays in force.
        Assert.Equal(1, (await library.Put(Node.Admin, LibraryKind.Matrices, null, symptoms, Arrival.Seed, default)).Version);
        Assert.Equal(SignalUnit.PerHour, (await library.All<Matrix>(LibraryKind.Matrices)).Single(m => m.Name == "registry-symptoms").Signal("memoryLeak")!.Unit);
    }

    [Theory]
    [InlineData("", "unassigned", "production", Level.High, "no service is named")]
    [InlineData("service=shop,severity=bogus,environment=staging", "shop", "staging", Level.High, "not known")]
    [InlineData("job=api,severity=warning,env=test", "api", "test", Level.Medium, null)]
    [InlineData("app=web,severity=page,environment=production", "web", "production", Level.Critical, null)]
    [InlineData("service= ,app=\0web\0,severity=none,stage=dev", "web", "dev", Level.Low, null)]
    public void Missing_and_odd_labels_are_assumed_on_the_bad_side_and_said(string labels, string service, string environment, Level severity, string? assumed)
    {
        var map = labels.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Split('=')).ToDictionary(l => l[0], l => l[1], StringComparer.Ordinal);
        map["alertname"] = "Test";
        var alert = AlertLabels.Read(map, new Dictionary<string, string>(), true, null, null, null, Now);
        Assert.Equal((service, environment, severity), (alert.Service, alert.Environment, alert.Severity));
        if (assumed is null) Assert.Null(alert.Assumed);
        else Assert.Contains(assumed, alert.Assumed, StringComparison.Ordinal);
    }

    [Fact]
    public void A_clock_in_the_future_is_not_believed_and_names_stay_short()
    {
        var now = Now;
        var alert = AlertLabels.Read(new Dictionary<string, string> { ["alertname"] = new('n', 5000), ["service"] = "shop", ["severity"] = "high", ["environment"] = "p" }, new Dictionary<string, string>(), true, now.AddHours(1), null, "../../etc", now);
        Assert.Equal(now, alert.StartsAt);
        Assert.Contains("future", alert.Assumed, StringComparison.Ordinal);
        Assert.Equal(100, alert.Name.Length);
        Assert.Matches("^[0-9a-f]{32}$", alert.Fingerprint);
    }

    private static Task Send(Node node, params Alert[] alerts) => node.Get<AlertIntake>().Take(Node.Commander, alerts, default);

    private static Alert Alert(string fingerprint, DateTimeOffset startsAt, bool firing = true, Level severity = Level.High) =>
        new(fingerprint, "HighErrorRate", "shop", "production", severity, TriggerAction.Immediate, firing, startsAt, firing ? null : startsAt.AddSeconds(1), "Requests fail", null);

    private static Task Keep(Node node, string name, params (string After, string Until)[] levels) => node.Get<DocumentLibrary>().Put(Node.Admin, LibraryKind.Escalations, null, Escalation(name, "webhook", levels), Arrival.Put, default);

    private static string Escalation(string name, string channel, params (string After, string Until)[] levels) =>
        $"escalation: {name}\ntitle: Test\nlevels:\n" + string.Concat(levels.Select((l, i) => $"  - {{ name: L{i + 1}, until: {l.Until}, contacts: [c{i + 1}] }}\n")) +
        "contacts:\n" + string.Concat(levels.Select((l, i) => $"  c{i + 1}: {{ title: Contact {i + 1}, after: {l.After}, channel: {channel}, address: '@level-{i + 1}' }}\n"));

    private static Task Until(Func<bool> reached) => Until(() => Task.FromResult(reached()));

    private static async Task Until(Func<Task<bool>> reached)
    {
        for (var tries = 0; !await reached(); tries++)
        {
            Assert.True(tries < 1200, "It did not happen within two minutes.");
            await Task.Delay(100);
        }
    }

    /// <summary>A receiver on a real port.</summary>
    private sealed class Hook : IAsyncDisposable
    {
        private readonly WebApplication _app;
        private int _failures;

        private Hook(WebApplication app, int failFirst) => (_app, _failures) = (app, failFirst);

        /// <summary>Every knock at the door, also those that were turned away.</summary>
        public int Knocks;

        private readonly ConcurrentQueue<(string Body, string Authorization, string Key)> _received = new();

        public IReadOnlyCollection<(string Body, string Authorization, string Key)> Received => _received.ToArray();

        public string Url => _app.Urls.First() + "/hook";

        public static async Task<Hook> Start(int failFirst)
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            var hook = new Hook(builder.Build(), failFirst);
            hook._app.MapPost("/hook", async (HttpContext context) =>
            {
                using var reader = new StreamReader(context.Request.Body, Encoding.UTF8);
                var body = await reader.ReadToEndAsync();
                Interlocked.Increment(ref hook.Knocks);
                if (Interlocked.Decrement(ref hook._failures) >= 0) return Results.StatusCode((int)HttpStatusCode.ServiceUnavailable);
                hook._received.Enqueue((body, context.Request.Headers.Authorization.ToString(), context.Request.Headers["Idempotency-Key"].ToString()));
                return Results.Ok();
            });
            await hook._app.StartAsync();
            return hook;
        }

        public async ValueTask DisposeAsync() => await _app.DisposeAsync();
    }
}
