using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using RollbackConsole.Domain.Access;
using RollbackConsole.Tests;

namespace RollbackConsole.Web.Tests;

/// <summary>A real Prometheus and a real Alertmanager, with the rules that ship, in front of a real console. The service that they watch is
/// a page of counters: it stands for an application that this test has no need of.</summary>
public sealed class PrometheusTests(TestCluster cluster)
{
    [Fact]
    public async Task The_shipped_rules_fire_on_the_share_of_failed_requests_after_their_time()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/promtool"), "promtool is not installed on this machine.");
        var folder = cluster.Folder();
        File.Copy(Path.Combine(Root, "deploy/prometheus/rules.yml"), Path.Combine(folder, "rules.yml"));
        // 40 % of few requests alarms; many failures a second that are few of all do not.
        await File.WriteAllTextAsync(Path.Combine(folder, "test.yml"), """
            rule_files: [rules.yml]
            evaluation_interval: 30s
            tests:
              - interval: 30s
                input_series:
                  - series: 'http_requests_total{service="quiet",environment="production",status="200"}'
                    values: '0+18x40'
                  - series: 'http_requests_total{service="quiet",environment="production",status="500"}'
                    values: '0+12x40'
                  - series: 'http_requests_total{service="busy",environment="production",status="200"}'
                    values: '0+30000x40'
                  - series: 'http_requests_total{service="busy",environment="production",status="503"}'
                    values: '0+300x40'
                  - series: 'up{job="api-gateway",instance="gw"}'
                    values: '1x4 0x40'
                  - series: 'pg_up{instance="db"}'
                    values: '1x4 0x40'
                alert_rule_test:
                  - { eval_time: 4m, alertname: HighErrorRate, exp_alerts: [] }
                  - eval_time: 8m
                    alertname: HighErrorRate
                    exp_alerts:
                      - exp_labels: { service: quiet, environment: production, severity: critical, action: rollback }
                        exp_annotations: { summary: '40% of the requests to quiet fail' }
                  - { eval_time: 4m, alertname: ServiceDown, exp_alerts: [] }
                  - eval_time: 5m
                    alertname: ServiceDown
                    exp_alerts:
                      - exp_labels: { job: api-gateway, instance: gw, service: api-gateway, severity: critical, action: rollback }
                        exp_annotations: { summary: 'The API gateway gw does not answer' }
                  - { eval_time: 3m, alertname: DatabaseConnectionFailure, exp_alerts: [] }
                  - eval_time: 4m
                    alertname: DatabaseConnectionFailure
                    exp_alerts:
                      - exp_labels: { instance: db, service: database, severity: critical, action: rollback }
                        exp_annotations: { summary: 'The database db does not answer' }
            """);
        using var promtool = Process.Start(new ProcessStartInfo("promtool", ["test", "rules", "test.yml"]) { WorkingDirectory = folder, UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true })!;
        var said = await promtool.StandardOutput.ReadToEndAsync() + await promtool.StandardError.ReadToEndAsync();
        await promtool.WaitForExitAsync();
        Assert.True(promtool.ExitCode == 0, said);
    }

    [Fact]
    public async Task A_failing_service_becomes_an_incident_through_alertmanager_and_through_the_console_s_own_query()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/prometheus") && File.Exists("/usr/bin/prometheus-alertmanager"), "Prometheus or Alertmanager is not installed on this machine.");
        var (prometheus, alertmanager, target) = (Ports.Free(), Ports.Free(), Ports.Free());
        await using var console = await TestConsole.Start(cluster, ("Prometheus:Sources:main", $"http://127.0.0.1:{prometheus}"));
        using var admin = await console.As(Role.Admin);
        using var viewer = await console.As(Role.Viewer);
        var folder = cluster.Folder();
        await File.WriteAllTextAsync(Path.Combine(folder, "console.token"), await console.Token("alertmanager", Role.Responder));
        // The files that ship, with their times shortened: five minutes of failing are for promtool's clock.
        var rules = (await File.ReadAllTextAsync(Path.Combine(Root, "deploy/prometheus/rules.yml"))).Replace("for: 5m", "for: 1s", StringComparison.Ordinal).Replace("[5m]", "[10s]", StringComparison.Ordinal);
        await File.WriteAllTextAsync(Path.Combine(folder, "rules.yml"), rules);
        await File.WriteAllTextAsync(Path.Combine(folder, "prometheus.yml"), (await File.ReadAllTextAsync(Path.Combine(Root, "deploy/prometheus/prometheus.yml")))
            .Replace("15s", "1s", StringComparison.Ordinal).Replace("127.0.0.1:9093", $"127.0.0.1:{alertmanager}", StringComparison.Ordinal).Replace("127.0.0.1:8080", $"127.0.0.1:{target}", StringComparison.Ordinal));
        await File.WriteAllTextAsync(Path.Combine(folder, "alertmanager.yml"), (await File.ReadAllTextAsync(Path.Combine(Root, "deploy/prometheus/alertmanager.yml")))
            .Replace("http://127.0.0.1:5080", console.Address, StringComparison.Ordinal).Replace("group_wait: 5s", "group_wait: 1s", StringComparison.Ordinal).Replace("group_interval: 30s", "group_interval: 1s", StringComparison.Ordinal).Replace("repeat_interval: 5m", "repeat_interval: 2s", StringComparison.Ordinal));
        var broken = true;
        using var stop = new CancellationTokenSource();
        var serving = Counters(target, () => broken, stop.Token);
        using var am = Start("prometheus-alertmanager", folder, $"--web.listen-address=127.0.0.1:{alertmanager}", "--cluster.listen-address=", "--config.file=alertmanager.yml", "--storage.path=am");
        using var prom = Start("prometheus", folder, $"--web.listen-address=127.0.0.1:{prometheus}", "--config.file=prometheus.yml", "--storage.tsdb.path=prom");
        try
        {
            await (await admin.PutAsync("library/catalog/component:asked", Yaml("""
                apiVersion: backstage.io/v1alpha1
                kind: Component
                metadata: { name: asked }
                spec:
                  operations:
                    matrices: [asked-rules]
                    metrics:
                      - { metric: errorRate, source: main, every: 1s, baseline: 0.01, query: 'sum(rate(http_requests_total{status=~"5.."}[5s])) / sum(rate(http_requests_total[5s]))' }
                      - { metric: nothing, source: main, every: 1s, query: 'sum(no_such_series)' }
                      - { metric: many, source: main, every: 1s, query: 'http_requests_total' }
                      - { metric: nan, source: main, every: 1s, query: 'vector(0) / 0' }
                      - { metric: lost, source: elsewhere, every: 1s, query: 'up' }
                """))).Json();
            await (await admin.PutAsync("library/matrices/asked-rules", Yaml("matrix: asked-rules\ntitle: T\ntype: triggers\nsource: Test\nsignals: { errorRate: { title: Failed requests, unit: fraction } }\nrules: [{ id: held, title: Too many, severity: critical, when: { errorRate: { above: 0.30 } }, for: 4s, action: recommend }]"))).Json();

            var open = await viewer.Until("incidents?status=open", l => l.GetProperty("items").EnumerateArray().Count(i => i.Text("severity") == "critical") == 2);
            var byAlert = open.GetProperty("items").EnumerateArray().Single(i => i.Text("service") == "shop-api");
            var byQuery = open.GetProperty("items").EnumerateArray().Single(i => i.Text("service") == "asked");
            Assert.Equal("production", byAlert.Text("environment"));
            var alert = (await viewer.Until($"incidents/{byAlert.Text("id")}/alerts", l => l.GetProperty("items").GetArrayLength() > 0)).GetProperty("items")[0];
            Assert.Equal(("HighErrorRate", "immediate", true), (alert.GetProperty("alert").Text("name"), alert.GetProperty("alert").Text("action"), alert.GetProperty("alert").GetProperty("firing").GetBoolean()));
            Assert.Contains("of the requests to shop-api fail", alert.GetProperty("alert").Text("summary"), StringComparison.Ordinal);
            var rule = (await (await viewer.GetAsync($"incidents/{byQuery.Text("id")}/timeline")).Json()).GetProperty("items").EnumerateArray().Last(r => r.Text("kind") == "incident.classified");
            Assert.Contains("for 4s", rule.Text("summary"), StringComparison.Ordinal);

            // Repeats are counted and open nothing; the end is shown and closes nothing.
            await viewer.Until($"incidents/{byAlert.Text("id")}/alerts", l => l.GetProperty("items")[0].GetProperty("received").GetInt64() >= 3);
            broken = false;
            await viewer.Until($"incidents/{byAlert.Text("id")}/alerts", l => !l.GetProperty("items")[0].GetProperty("alert").GetProperty("firing").GetBoolean());
            Assert.Equal("open", (await (await viewer.GetAsync($"incidents/{byAlert.Text("id")}")).Json()).Text("status"));
            Assert.Equal(2, (await (await viewer.GetAsync("incidents")).Json()).GetProperty("items").GetArrayLength());

            // One slow answer stands in between until the next question, a second later.
            string[] expected = ["No data.", "The answer gives 2 series", "No data (0 of 0).", "There is no source 'elsewhere'"], said = [];
            for (var tries = 0; tries < 60 && !expected.SequenceEqual(said, StringComparer.Ordinal); tries++)
            {
                if (tries > 0) await Task.Delay(500, TestContext.Current.CancellationToken);
                var states = await Microsoft.Extensions.DependencyInjection.ServiceProviderServiceExtensions.GetRequiredService<Store.Signals.QueryStates>(console.Services).Of("component:asked");
                said = [.. new[] { "nothing", "many", "nan", "lost" }.Select(m => Said(states.First(s => s.Metric == m).Error ?? ""))];
            }
            Assert.Equal(expected, said);
        }
        finally
        {
            prom.Kill(entireProcessTree: true);
            am.Kill(entireProcessTree: true);
            await stop.CancelAsync();
            await serving;
        }
    }

    // What matters of each sentence.
    private static string Said(string error) => error.Contains("2 series", StringComparison.Ordinal) ? "The answer gives 2 series" : error.Split(';')[0];

    private static Process Start(string program, string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        var process = Process.Start(start)!;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    /// <summary>A service's page of counters: ten requests a second, four of them failing while it is broken.</summary>
    private static async Task Counters(int port, Func<bool> broken, CancellationToken ct)
    {
        using var listener = new HttpListener();
        listener.Prefixes.Add($"http://127.0.0.1:{port}/");
        listener.Start();
        await using var _ = ct.Register(listener.Stop);
        double good = 0, bad = 0;
        var last = Stopwatch.GetTimestamp();
        while (!ct.IsCancellationRequested)
        {
            HttpListenerContext context;
            try
            {
                context = await listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }
            var passed = Stopwatch.GetElapsedTime(last).TotalSeconds;
            last = Stopwatch.GetTimestamp();
            good += passed * (broken() ? 6 : 10);
            bad += passed * (broken() ? 4 : 0);
            var text = string.Create(CultureInfo.InvariantCulture, $"http_requests_total{{service=\"shop-api\",environment=\"production\",status=\"200\"}} {good:0}\nhttp_requests_total{{service=\"shop-api\",environment=\"production\",status=\"500\"}} {bad:0}\n");
            context.Response.ContentType = "text/plain; version=0.0.4";
            await context.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(text), ct);
            context.Response.Close();
        }
    }

    private static string Root => Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../../../.."));

    private static StringContent Yaml(string text) => new(text, Encoding.UTF8, "text/yaml");
}
