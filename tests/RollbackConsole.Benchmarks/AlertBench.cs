using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Playwright;
using Npgsql;
using RollbackConsole.Store.Embedded;
using RollbackConsole.Tests;

namespace RollbackConsole.Benchmarks;

/// <summary>The console as a user starts it, a Chromium with the board open, and alerts: how long until a person sees the incident, and what a burst costs.</summary>
internal sealed class AlertBench(string folder)
{
    private const string Password = "a long enough password";
    private const int Burst = 10_000;
    private const int Services = 50;

    private readonly string _data = Path.Combine(folder, "data");
    private readonly string _address = $"http://127.0.0.1:{Ports.Free()}";

    public async Task Run(int rounds)
    {
        using var console = Start([]);
        while (await console.StandardOutput.ReadLineAsync() is { } line && !line.Contains(" is ready at ", StringComparison.Ordinal)) { }
        _ = console.StandardOutput.BaseStream.CopyToAsync(Stream.Null);
        _ = console.StandardError.BaseStream.CopyToAsync(Stream.Null);
        try
        {
            await Cli("user", "create", "--name", "watcher", "--password", Password, "--role", "viewer");
            using var http = new HttpClient { BaseAddress = new Uri(_address) };
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", (await Cli("token", "create", "--name", "bench", "--role", "commander")).Trim());
            await UntilSeen(http, rounds);
            await TenThousand(http, console.Id);
        }
        finally
        {
            using (var stop = Process.Start("kill", ["-TERM", $"{console.Id}"])) await stop.WaitForExitAsync();
            await console.WaitForExitAsync();
        }
    }

    private async Task UntilSeen(HttpClient http, int rounds)
    {
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await playwright.Chromium.LaunchAsync(new() { ExecutablePath = "/usr/bin/chromium", Args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"] });
        var page = await browser.NewPageAsync();
        await page.GotoAsync(_address + "/sign-in");
        await page.FillAsync("input[name=name]", "watcher");
        await page.FillAsync("input[name=password]", Password);
        await page.ClickAsync("button[type=submit]");
        await page.WaitForSelectorAsync("text=All quiet");
        // The browser notes itself when a title first stands on the board: asking it again and again would be part of the figure.
        await page.EvaluateAsync("() => { window.seen = {}; new MutationObserver(() => { for (const h of document.querySelectorAll('[data-testid=incident] h2')) window.seen[h.textContent] ??= Date.now(); }).observe(document.body, { subtree: true, childList: true, characterData: true }); }");
        var took = new List<double>();
        for (var n = -5; n < rounds; n++)
        {
            var title = $"Bench {n}";
            var sent = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
            (await http.PostAsync("/hooks/alertmanager", Alerts((title, $"bench{n + 5}")))).EnsureSuccessStatusCode();
            await page.WaitForFunctionAsync("t => window.seen[t]", title);
            var seen = await page.EvaluateAsync<double>("t => window.seen[t]", title);
            if (n >= 0) took.Add(seen - sent);
            foreach (var incident in (await http.GetFromJsonAsync<JsonElement>("/api/v1/incidents?status=open")).GetProperty("items").EnumerateArray())
            {
                (await http.PostAsync($"/api/v1/incidents/{incident.GetProperty("id").GetString()}/resolve", null)).EnsureSuccessStatusCode();
                (await http.PostAsync($"/api/v1/incidents/{incident.GetProperty("id").GetString()}/close", null)).EnsureSuccessStatusCode();
            }
            await page.WaitForSelectorAsync("text=All quiet");
        }
        Figures.Report("alert received to incident on the board, ms", took);
    }

    private async Task TenThousand(HttpClient http, int console)
    {
        await using var source = NpgsqlDataSource.Create(EmbeddedCluster.FindRunning(Path.Combine(_data, "postgres"), "console")!);
        var before = Memory(console, "VmRSS");
        var started = Stopwatch.GetTimestamp();
        await Parallel.ForEachAsync(Enumerable.Range(0, Burst), new ParallelOptions { MaxDegreeOfParallelism = 32 }, async (n, ct) =>
        {
            using var answer = await http.PostAsync("/hooks/alertmanager", Alerts(($"Burst {n}", $"burst{n % Services}")), ct);
            answer.EnsureSuccessStatusCode();
        });
        var accepted = Stopwatch.GetElapsedTime(started);
        while (await Count(source, "select count(*) from alert_inbox") > 0) await Task.Delay(20);
        var drained = Stopwatch.GetElapsedTime(started);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Burst} alerts, one a request, {Services} services: all accepted after {accepted.TotalSeconds:0.00} s, all worked on after {drained.TotalSeconds:0.00} s"));
        Console.WriteLine($"  incidents made {await Count(source, "select count(*) from incidents where service like 'burst%'")}, counted {await Count(source, "select sum(received) from alert_totals where service like 'burst%'")}, told in timelines {await Count(source, "select count(*) from journal where kind = 'incident.alert.fired' and data -> 'alert' ->> 'service' like 'burst%'")}");
        Console.WriteLine($"  memory of the console: {before} MB before, {Memory(console, "VmRSS")} MB after, {Memory(console, "VmHWM")} MB at the most");
    }

    private static async Task<long> Count(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        return Convert.ToInt64(await command.ExecuteScalarAsync(), CultureInfo.InvariantCulture);
    }

    private static JsonContent Alerts((string Title, string Service) alert) => JsonContent.Create(new
    {
        version = "4",
        status = "firing",
        commonLabels = new { environment = "production" },
        alerts = new[] { new { status = "firing", labels = new { alertname = alert.Title.Replace(" ", "", StringComparison.Ordinal), service = alert.Service, severity = "high" }, annotations = new { summary = alert.Title }, startsAt = TimeProvider.System.GetUtcNow() } },
    });

    private static long Memory(int process, string what) => long.Parse(File.ReadLines($"/proc/{process}/status").First(l => l.StartsWith(what, StringComparison.Ordinal)).Split(':')[1].Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture) / 1024;

    private async Task<string> Cli(params string[] arguments)
    {
        using var process = Start(arguments);
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException(output + await process.StandardError.ReadToEndAsync());
    }

    private Process Start(IReadOnlyList<string> arguments)
    {
        var root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "RollbackConsole.sln"))) root = Path.GetDirectoryName(root)!;
        var start = new ProcessStartInfo("dotnet", [Path.Combine(root, "src/RollbackConsole.Web/bin/Release/net10.0/rollback-console.dll"), .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false, WorkingDirectory = folder };
        start.Environment["Console__Urls"] = _address;
        start.Environment["Console__DataDirectory"] = _data;
        return Process.Start(start)!;
    }
}
