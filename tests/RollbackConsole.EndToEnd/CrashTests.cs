using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using RollbackConsole.Tests;

namespace RollbackConsole.EndToEnd;

/// <summary>A console that is killed in the middle of a step, and started again: effects are counted outside of it.</summary>
public sealed class CrashTests(RunningConsole shared) : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("rollback-console-crash-").FullName;
    private readonly string _address = $"http://127.0.0.1:{Ports.Free()}";
    private Process? _console;

    private string Data => Path.Combine(_folder, "data");

    [Fact]
    public async Task A_killed_console_goes_on_where_it_was_and_repeats_only_what_may_be_repeated()
    {
        Assert.SkipWhen(shared.Missing is not null, shared.Missing ?? "");
        File.SetUnixFileMode(_folder, (UnixFileMode)0b111_101_101);
        await StartConsole();
        using var both = await Api("admin,commander");
        using var approver = await Api("approver");
        var effects = Path.Combine(_folder, "effects");
        var yaml = $$"""
            plan: crash
            title: Crash
            steps:
              - { id: before, uses: script/run, with: { body: "echo before >> {{effects}}" } }
              - { id: again, uses: script/run, effect: idempotent, with: { body: "echo again >> {{effects}}; [ $(grep -cx again {{effects}}) -ge 2 ] || sleep 300; echo again-done >> {{effects}}" } }
              - { id: once, uses: script/run, needs: [before], with: { body: "echo once >> {{effects}}; sleep 300; echo once-done >> {{effects}}" } }
            """;
        await Read(both.PutAsync("plans/crash", new StringContent(yaml, Encoding.UTF8, "text/yaml")));
        var incident = await Read(both.PostAsJsonAsync("incidents", new { title = "T", service = "s", environment = "production", severity = "low" }));
        var run = await Read(both.PostAsJsonAsync($"incidents/{incident.GetProperty("id").GetString()}/runs", new { plan = "crash", parameters = new { }, dryRun = false, reason = "r" }));
        var path = $"runs/{run.GetProperty("id").GetString()}";
        await Read(approver.PostAsJsonAsync(path + "/approvals", new { decision = "approve", digest = run.GetProperty("digest").GetString(), comment = "" }));
        await Until(() => Task.FromResult(File.Exists(effects) && File.ReadAllLines(effects).Length >= 3));

        _console!.Kill();
        await _console.WaitForExitAsync();
        await StartConsole();

        await Until(async () => (await Read(both.GetAsync(path))).GetProperty("status").GetString() == "needsDecision");
        var steps = (await Read(both.GetAsync(path))).GetProperty("steps").EnumerateArray().ToDictionary(s => s.GetProperty("id").GetString()!, s => s.GetProperty("status").GetString());
        Assert.Equal(("succeeded", "unknown"), (steps["before"], steps["once"]));
        await Read(both.PostAsJsonAsync(path + "/steps/once/outcome", new { outcome = "failed", reason = "its last line is not there" }));
        await Read(both.PostAsJsonAsync(path + "/steps/once/skip", new { reason = "not needed" }));
        await Until(async () => (await Read(both.GetAsync(path))).GetProperty("status").GetString() == "finished");
        var lines = await File.ReadAllLinesAsync(effects);
        // The killed console's own processes were ended before the step ran again: nothing was done twice behind our back.
        Assert.Equal((1, 2, 1, 1, 0), (Count("before"), Count("again"), Count("again-done"), Count("once"), Count("once-done")));
        Assert.True((await Read(both.GetAsync("audit/verify"))).GetProperty("holds").GetBoolean());

        int Count(string line) => lines.Count(l => l == line);
    }

    public async ValueTask DisposeAsync()
    {
        if (_console is { HasExited: false })
        {
            using (var kill = Process.Start("kill", ["-TERM", $"{_console.Id}"])) await kill.WaitForExitAsync();
            await _console.WaitForExitAsync();
        }
        _console?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task StartConsole()
    {
        _console = RunningConsole.Start([], _address, Data, demo: false);
        var ready = new TaskCompletionSource();
        _console.OutputDataReceived += (_, e) => { if (e.Data?.Contains(" is ready at ", StringComparison.Ordinal) == true) ready.TrySetResult(); };
        _console.ErrorDataReceived += (_, _) => { };
        _console.BeginOutputReadLine();
        _console.BeginErrorReadLine();
        await ready.Task.WaitAsync(TimeSpan.FromSeconds(240));
    }

    private async Task<HttpClient> Api(string roles)
    {
        using var cli = RunningConsole.Start(["token", "create", "--name", roles, "--role", roles], _address, Data, demo: false);
        var token = (await cli.StandardOutput.ReadToEndAsync()).Trim();
        return new HttpClient { BaseAddress = new Uri(_address + "/api/v1/"), DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", token) } };
    }

    private static async Task<JsonElement> Read(Task<HttpResponseMessage> call)
    {
        var answer = await call;
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonDocument.Parse(text).RootElement;
    }

    private static async Task Until(Func<Task<bool>> reached)
    {
        for (var tries = 0; !await reached(); tries++)
        {
            Assert.True(tries < 400, "It did not happen within 40 s.");
            await Task.Delay(100);
        }
    }
}
