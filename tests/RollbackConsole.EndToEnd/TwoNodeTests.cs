using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using RollbackConsole.Store.Embedded;
using RollbackConsole.Tests;

namespace RollbackConsole.EndToEnd;

/// <summary>Two consoles on one PostgreSQL, each a process of its own. They are killed and frozen; what really happened is counted in a file that neither of them writes.</summary>
public sealed class TwoNodeTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("rollback-console-nodes-").FullName;
    private EmbeddedCluster? _cluster;
    private NodeProcess[] _nodes = [];
    private HttpClient? _commander;
    private HttpClient? _approver;

    private string Effects => Path.Combine(_folder, "effects");

    public async ValueTask InitializeAsync()
    {
        if (PostgresBinaries.Find() is null) return;
        File.SetUnixFileMode(_folder, (UnixFileMode)0b111_101_101);
        _cluster = await EmbeddedCluster.Start(Path.Combine(_folder, "postgres"), "console", CancellationToken.None);
        _nodes = [new("node-a", _folder, _cluster.ConnectionString), new("node-b", _folder, _cluster.ConnectionString)];
        foreach (var node in _nodes) await node.Start();
    }

    public async ValueTask DisposeAsync()
    {
        _commander?.Dispose();
        _approver?.Dispose();
        foreach (var node in _nodes) await node.DisposeAsync();
        if (_cluster is not null) await _cluster.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Killed_at_every_boundary_and_inside_steps_the_run_goes_on_elsewhere_and_nothing_happens_twice()
    {
        const int Steps = 8;
        // A once step that can be asked, an idempotent one, by turns. A step says "begin" and "end"; between the two it is in the middle of its work.
        var steps = Enumerable.Range(0, Steps).Select(n => $$"""
              - id: s{{n}}
                uses: script/run
                effect: {{(n % 2 == 0 ? "once" : "idempotent")}}
                with: { body: "echo begin-{{n}} >> {{Effects}}; while [ -e {{Effects}} ] && [ ! -e {{Effects}}.go-{{n}} ]; do sleep 0.05; done; echo end-{{n}} >> {{Effects}}" }
                {{(n % 2 == 0 ? $"probe: {{ uses: script/run, with: {{ body: \"grep -qx end-{n} {Effects}\" }} }}" : "")}}
            """);
        await File.WriteAllTextAsync(Effects, "");
        var path = await Started($"plan: long\ntitle: Long\nsteps:\n{string.Join('\n', steps)}");
        var kills = 0;
        for (var n = 0; n < Steps; n++)
        {
            // Even ones in the middle, odd ones as soon as the step is over: the boundary.
            var inside = n % 4 < 2;
            if (!inside) await Go(n);
            await Until(() => Task.FromResult(Seen(inside ? $"begin-{n}" : $"end-{n}")));
            var holder = (await Read(path)).GetProperty("node").GetString();
            if (_nodes.FirstOrDefault(x => x.Name == holder) is { } node)
            {
                await node.Kill();
                kills++;
                await node.Start();
            }
            if (inside) await Go(n);
        }
        await Until(async () => (await Read(path)).GetProperty("status").GetString() is "finished" or "needsDecision");
        var run = await Read(path);
        Assert.True(run.GetProperty("outcome").GetString() == "succeeded", run.ToString());
        Assert.True(kills >= Steps / 2, $"Only {kills} kills hit the holder.");
        Assert.True(run.GetProperty("epoch").GetInt32() > kills / 2);
        var lines = await File.ReadAllLinesAsync(Effects);
        for (var n = 0; n < Steps; n++)
        {
            var ends = lines.Count(l => l == $"end-{n}");
            if (n % 2 == 0) Assert.True(ends == 1, $"The once step {n} took effect {ends} times.");
            // Each kill may find it between its end and the journal.
            else Assert.InRange(ends, 1, kills + 1);
        }
        await Whole(path);
    }

    [Fact]
    public async Task A_node_that_was_frozen_past_its_lease_does_nothing_any_more_when_it_wakes()
    {
        var path = await Started($$"""
            plan: frozen
            title: Frozen
            steps:
              - { id: first, uses: script/run, effect: idempotent, with: { body: "echo first >> {{Effects}}; while [ -e {{Effects}} ] && [ ! -e {{Effects}}.go-0 ]; do sleep 0.1; done; echo first-done >> {{Effects}}" } }
              - { id: second, uses: script/run, with: { body: "echo second >> {{Effects}}" } }
              - { id: third, uses: script/run, with: { body: "echo third >> {{Effects}}" } }
            """);
        await Until(() => Task.FromResult(Seen("first")));
        var holder = _nodes.Single(n => n.Name == Read(path).Result.GetProperty("node").GetString());
        var other = _nodes.Single(n => n != holder);
        await holder.Freeze();
        await Go(0);
        _commander = await other.Api("admin,commander");
        await Until(async () => (await Read(path)).GetProperty("status").GetString() == "finished");
        Assert.Equal(other.Name, (await Read(path)).GetProperty("node").GetString());
        await holder.Thaw();
        await Task.Delay(3000, TestContext.Current.CancellationToken);
        var run = await Read(path);
        Assert.Equal("succeeded", run.GetProperty("outcome").GetString());
        var lines = await File.ReadAllLinesAsync(Effects);
        Assert.Equal((1, 1), (lines.Count(l => l == "second"), lines.Count(l => l == "third")));
        // It is alive, and works for the others.
        using var api = await holder.Api("viewer");
        Assert.Equal("finished", JsonDocument.Parse(await api.GetStringAsync(path)).RootElement.GetProperty("status").GetString());
        await Whole(path);
    }

    /// <summary>Lets a step come to its end: how fast this machine is must not decide what is met.</summary>
    private Task Go(int step) => File.WriteAllTextAsync($"{Effects}.go-{step}", "");

    private bool Seen(string mark) => File.Exists(Effects) && File.ReadAllLines(Effects).Contains(mark);

    private async Task<string> Started(string yaml)
    {
        Assert.SkipWhen(_cluster is null, "PostgreSQL is not installed on this machine.");
        _commander = await _nodes[0].Api("admin,commander");
        _approver = await _nodes[0].Api("approver");
        var name = yaml.Split('\n')[0]["plan: ".Length..];
        await Answer(await _commander.PutAsync("plans/" + name, new StringContent(yaml, Encoding.UTF8, "text/yaml")));
        var incident = await Answer(await _commander.PostAsJsonAsync("incidents", new { title = "T", service = "s", environment = "production", severity = "low" }));
        var run = await Answer(await _commander.PostAsJsonAsync($"incidents/{incident.GetProperty("id").GetString()}/runs", new { plan = name, parameters = new { }, dryRun = false, reason = "r" }));
        var path = $"runs/{run.GetProperty("id").GetString()}";
        await Answer(await _approver.PostAsJsonAsync(path + "/approvals", new { decision = "approve", digest = run.GetProperty("digest").GetString(), comment = "" }));
        return path;
    }

    /// <summary>Every line is there, in order, and the journal's chain holds.</summary>
    private async Task Whole(string path)
    {
        var lines = (await Read(path + "/logs?limit=500")).GetProperty("lines").EnumerateArray().Select(l => l.GetProperty("seq").GetInt64()).ToList();
        Assert.Equal(Enumerable.Range(1, lines.Count).Select(n => (long)n), lines);
        Assert.True((await Read("audit/verify")).GetProperty("holds").GetBoolean());
    }

    /// <summary>From whichever node answers.</summary>
    private async Task<JsonElement> Read(string path)
    {
        for (var tries = 0; ; tries++)
        {
            foreach (var node in _nodes)
            {
                using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2));
                try
                {
                    using var request = new HttpRequestMessage(HttpMethod.Get, $"{node.Address}/api/v1/{path}") { Headers = { Authorization = _commander!.DefaultRequestHeaders.Authorization } };
                    return await Answer(await _commander.SendAsync(request, patience.Token));
                }
                catch (Exception e) when (e is HttpRequestException or OperationCanceledException && tries < 30)
                {
                    // Dead, frozen, or just starting: the other one is asked.
                }
            }
            await Task.Delay(100);
        }
    }

    private static async Task<JsonElement> Answer(HttpResponseMessage answer)
    {
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonDocument.Parse(text).RootElement;
    }

    private static async Task Until(Func<Task<bool>> reached)
    {
        for (var tries = 0; !await reached(); tries++)
        {
            Assert.True(tries < 3600, "It did not happen within three minutes.");
            await Task.Delay(50);
        }
    }
}
