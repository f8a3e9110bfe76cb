using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;

namespace Shop;

/// <summary>Customers, and the monitoring that watches how they fare.</summary>
public sealed class Load(ShopSettings settings)
{
    private static readonly string[] Zones = ["1", "2", "EU-1", "3", "EU-2"];
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(4);

    private readonly ConcurrentQueue<(long At, bool Failed, double Seconds)> _seen = new();

    /// <summary>About twenty requests a second; every tenth places an order.</summary>
    public async Task Run(CancellationToken ct)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(2) };
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        // Customers come once the shop is open.
        while (await Releases.Running(settings) is null) await Task.Delay(200, ct);
        for (var n = 0; await timer.WaitForNextTickAsync(ct); n++)
        {
            var number = n;
            _ = Task.Run(() => Ask(http, number, ct), ct);
        }
    }

    /// <summary>Once a second: the share of failed requests and the 95th percentile of their time, over the last seconds.</summary>
    public async Task Probe(CancellationToken ct)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", settings.ConsoleToken);
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1));
        while (await timer.WaitForNextTickAsync(ct))
        {
            while (_seen.TryPeek(out var oldest) && Stopwatch.GetElapsedTime(oldest.At) > Window) _seen.TryDequeue(out _);
            var seen = _seen.ToArray();
            if (seen.Length < 10) continue;
            var slow = seen.Select(s => s.Seconds).Order().ElementAt((int)(seen.Length * 0.95));
            await Send(http, "errorRate", (double)seen.Count(s => s.Failed) / seen.Length, ct);
            await Send(http, "latency", slow, ct);
        }
    }

    private async Task Ask(HttpClient http, int n, CancellationToken ct)
    {
        var started = Stopwatch.GetTimestamp();
        bool failed;
        try
        {
            using var answer = n % 10 == 0
                ? await http.PostAsJsonAsync(settings.Url + "/orders", new { customer = $"customer-{n % 700}", zone = Zones[n / 10 % 5], totalCents = 500 + (n % 20000), coupon = n % 30 == 0 ? "SAVE1" : null }, ct)
                : await http.GetAsync($"{settings.Url}/orders/{1 + (n * 17 % 4000)}", ct);
            failed = (int)answer.StatusCode >= 500;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            failed = true;
        }
        if (!ct.IsCancellationRequested) _seen.Enqueue((Stopwatch.GetTimestamp(), failed, Stopwatch.GetElapsedTime(started).TotalSeconds));
    }

    private async Task Send(HttpClient http, string metric, double value, CancellationToken ct)
    {
        try
        {
            using var answer = await http.PostAsJsonAsync(settings.ConsoleUrl + "/api/v1/hooks/signals", new { service = "shop-api", environment = "production", metric, value }, ct);
            if (!answer.IsSuccessStatusCode) await Console.Error.WriteLineAsync($"The console answers {(int)answer.StatusCode} to a reading.");
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            if (!ct.IsCancellationRequested) await Console.Error.WriteLineAsync($"The console does not take a reading: {e.Message}");
        }
    }
}
