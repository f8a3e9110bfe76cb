using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using RollbackConsole.Domain.Access;
using RollbackConsole.Tests;

namespace RollbackConsole.Web.Tests;

/// <summary>The hub seen through its JavaScript client, as every viewer sees it.</summary>
public sealed class LiveHubTests(TestCluster cluster)
{
    [Fact]
    public async Task A_viewer_that_drops_and_returns_sees_every_line_once_and_in_order()
    {
        var modules = Modules();
        await using var console = await TestConsole.Start(cluster);
        using var commander = await console.As(Role.Commander);
        using var approver = await console.As(Role.Approver);
        const int Lines = 3000;
        var run = await console.Request(commander, $"plan: talk\ntitle: Talk\nsteps: [{{id: talk, uses: script/run, with: {{body: 'for i in $(seq {Lines}); do echo line $i; [ $((i % 500)) = 0 ] && sleep 0.2; done; true'}}}}]");
        var viewer = Follow(modules, console.Address, await console.Token("viewer", Role.Viewer), run.Text("id"), Lines);
        (await approver.PostAsJsonAsync($"runs/{run.Text("id")}/approvals", new { decision = "approve", digest = run.Text("digest"), comment = "" })).EnsureSuccessStatusCode();
        var saw = await viewer;
        Assert.Equal(2, saw.GetProperty("cuts").GetInt32());
        Assert.Equal(Enumerable.Range(1, Lines), saw.GetProperty("seen").EnumerateArray().Select(n => n.GetInt32()));
    }

    [Fact]
    public async Task A_stranger_cannot_follow()
    {
        var modules = Modules();
        await using var console = await TestConsole.Start(cluster);
        await Assert.ThrowsAnyAsync<Exception>(() => Follow(modules, console.Address, "rc_wrong", "run", 1));
    }

    private static string Modules()
    {
        var root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "RollbackConsole.sln"))) root = Path.GetDirectoryName(root)!;
        var modules = Path.Combine(root, "wwwroot-assets");
        Assert.SkipWhen(!Directory.Exists(Path.Combine(modules, "node_modules", "@microsoft", "signalr")), "The npm packages are not installed (deploy/test installs them).");
        return modules;
    }

    private static async Task<JsonElement> Follow(string modules, string address, string token, string run, int lines)
    {
        var start = new ProcessStartInfo("node", [Path.Combine(AppContext.BaseDirectory, "hub.test.mjs"), modules, address, token, run, $"{lines}"]) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{await output}\n{await errors}");
        return JsonDocument.Parse(await output).RootElement;
    }
}
