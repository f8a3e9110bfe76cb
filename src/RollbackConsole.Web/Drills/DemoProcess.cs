using System.Diagnostics;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Options;
using RollbackConsole.Domain.Access;
using RollbackConsole.Steps.Secrets;
using RollbackConsole.Web.Access;
using RollbackConsole.Web.Setup;

namespace RollbackConsole.Web.Drills;

/// <summary>Runs the demo shop's supervisor beside the console and ends it, by its own process id, when the console ends.</summary>
public sealed class DemoProcess(
    DemoTarget demo, IServer server, IServiceScopeFactory scopes, SecretMask mask, IOptions<DemoOptions> options, IHostApplicationLifetime lifetime, ILogger<DemoProcess> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await Started(stoppingToken);
            await using var scope = scopes.CreateAsyncScope();
            var token = await scope.ServiceProvider.GetRequiredService<Accounts>().CreateToken(SystemActor.CommandLine, "demo prober", [Role.Responder], []);
            mask.Add(token);
            await Supervise(token, stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The console stops.
        }
    }

    private async Task Supervise(string token, CancellationToken ct)
    {
        var address = server.Features.Get<IServerAddressesFeature>()!.Addresses.First();
        var start = new ProcessStartInfo("dotnet") { UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true, RedirectStandardInput = true };
        foreach (var argument in (string[])[Path.GetFullPath(options.Value.Shop), "supervise"]) start.ArgumentList.Add(argument);
        start.Environment["SHOP_DIRECTORY"] = demo.Folder;
        start.Environment["SHOP_PORT"] = $"{demo.Port}";
        start.Environment["SHOP_DATABASE"] = demo.Cluster.ConnectionString;
        start.Environment["CONSOLE_URL"] = address.Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal).Replace("[::]", "127.0.0.1", StringComparison.Ordinal);
        start.Environment["CONSOLE_TOKEN"] = token;
        using var process = Process.Start(start) ?? throw new InvalidOperationException("The demo shop could not be started.");
        process.OutputDataReceived += (_, e) => { if (e.Data is not null) log.LogInformation("Shop: {Line}", e.Data); };
        process.ErrorDataReceived += (_, e) => { if (e.Data is not null) log.LogWarning("Shop: {Line}", e.Data); };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        try
        {
            await process.WaitForExitAsync(ct);
            log.LogWarning("The demo shop ended with exit code {Code}", process.ExitCode);
        }
        finally
        {
            // It ends by itself when its input closes; a stuck one is killed with its children.
            process.StandardInput.Close();
            if (!process.WaitForExit(TimeSpan.FromSeconds(5))) process.Kill(entireProcessTree: true);
        }
    }

    private async Task Started(CancellationToken ct)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var registration = lifetime.ApplicationStarted.Register(started.SetResult);
        await started.Task.WaitAsync(ct);
    }
}
