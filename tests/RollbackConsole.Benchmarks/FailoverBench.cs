using System.Diagnostics;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using RollbackConsole.Store.Embedded;
using RollbackConsole.Tests;

namespace RollbackConsole.Benchmarks;

/// <summary>Two consoles as processes on one PostgreSQL: the one that holds the run is killed inside a step; how long until the other starts the next attempt, seen in a file outside.</summary>
internal sealed class FailoverBench(string folder)
{
    public async Task Run(int rounds)
    {
        await using var cluster = await EmbeddedCluster.Start(Path.Combine(folder, "postgres"), "console", CancellationToken.None);
        foreach (var lease in (string[])["00:00:10", "00:00:02"])
        {
            await using var a = new NodeProcess("node-a", folder, cluster.ConnectionString, lease);
            await using var b = new NodeProcess("node-b", folder, cluster.ConnectionString, lease);
            await a.Start();
            await b.Start();
            var took = new List<double>();
            for (var n = 0; n < rounds; n++) took.Add(await Once(a, b, $"{lease[^2..]}-{n}"));
            Figures.Report($"kill to next start on the other node, lease {int.Parse(lease[^2..])} s, s", took);
        }
    }

    private async Task<double> Once(NodeProcess a, NodeProcess b, string name)
    {
        var effects = Path.Combine(folder, "effects-" + name);
        using var commander = await a.Api("admin,commander");
        var yaml = $"{{plan: p{name}, title: P, steps: [{{id: one, uses: script/run, effect: idempotent, with: {{body: 'echo begin >> {effects}; sleep 30'}}}}]}}";
        (await commander.PutAsync($"plans/p{name}", new StringContent(yaml, Encoding.UTF8, "text/yaml"))).EnsureSuccessStatusCode();
        var incident = await commander.PostAsJsonAsync("incidents", new { title = "T", service = "s", environment = "development", severity = "low" });
        var id = (await incident.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString();
        var run = await (await commander.PostAsJsonAsync($"incidents/{id}/runs", new { plan = "p" + name, parameters = new { }, dryRun = false, reason = "r" })).Content.ReadFromJsonAsync<JsonElement>();
        await Lines(effects, 1);
        var path = $"runs/{run.GetProperty("id").GetString()}";
        var holder = (await commander.GetFromJsonAsync<JsonElement>(path)).GetProperty("node").GetString() == a.Name ? a : b;
        await holder.Kill();
        var killed = Stopwatch.GetTimestamp();
        await Lines(effects, 2);
        var took = Stopwatch.GetElapsedTime(killed).TotalSeconds;
        await holder.Start();
        using var again = await holder.Api("commander");
        (await again.PostAsJsonAsync(path + "/abort", new { reason = "measured" })).EnsureSuccessStatusCode();
        return took;
    }

    private static async Task Lines(string file, int count)
    {
        for (var tries = 0; !File.Exists(file) || (await File.ReadAllLinesAsync(file)).Length < count; tries++)
        {
            if (tries > 6000) throw new TimeoutException("It did not start within a minute.");
            await Task.Delay(10);
        }
    }
}
