using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;

namespace RollbackConsole.Tests;

/// <summary>One console node as its own process on a PostgreSQL that others share, to be killed, frozen and woken.</summary>
/// <param name="lease">How long the others wait for it; short in tests, which do not wait for what only time can prove.</param>
internal sealed class NodeProcess(string name, string folder, string connection, string lease = "00:00:02") : IAsyncDisposable
{
    private Process? _process;

    public string Name => name;

    public string Address { get; } = $"http://127.0.0.1:{Ports.Free()}";

    private static string Root
    {
        get
        {
            var root = AppContext.BaseDirectory;
            while (!File.Exists(Path.Combine(root, "RollbackConsole.sln"))) root = Path.GetDirectoryName(root)!;
            return root;
        }
    }

    public async Task Start()
    {
        _process = Run([]);
        var ready = new TaskCompletionSource();
        _process.OutputDataReceived += (_, e) => { if (e.Data is null) ready.TrySetException(new InvalidOperationException($"{name} ended before it was ready.")); else if (e.Data.Contains(" is ready at ", StringComparison.Ordinal)) ready.TrySetResult(); };
        _process.ErrorDataReceived += (_, _) => { };
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        await ready.Task.WaitAsync(TimeSpan.FromSeconds(240));
    }

    /// <summary>SIGKILL: no word of farewell.</summary>
    public async Task Kill()
    {
        _process!.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _process = null;
    }

    /// <summary>SIGSTOP: it does not know that time goes on.</summary>
    public Task Freeze() => Signal("-STOP");

    public Task Thaw() => Signal("-CONT");

    public async Task<HttpClient> Api(string roles)
    {
        using var cli = Run(["token", "create", "--name", roles, "--role", roles]);
        var token = (await cli.StandardOutput.ReadToEndAsync()).Trim();
        return new HttpClient { BaseAddress = new Uri(Address + "/api/v1/"), DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", token) } };
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is null) return;
        await Thaw();
        await Signal("-TERM");
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private async Task Signal(string signal)
    {
        using var kill = Process.Start("kill", [signal, $"{_process!.Id}"]);
        await kill.WaitForExitAsync();
    }

    private Process Run(string[] arguments)
    {
        var configuration = AppContext.BaseDirectory.Contains("/Release/", StringComparison.Ordinal) ? "Release" : "Debug";
        var start = new ProcessStartInfo("dotnet", [Path.Combine(Root, "src/RollbackConsole.Web/bin", configuration, "net10.0/rollback-console.dll"), .. arguments])
        { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false, WorkingDirectory = folder };
        start.Environment["Console__Urls"] = Address;
        start.Environment["Console__Node"] = name;
        start.Environment["Console__DataDirectory"] = Path.Combine(folder, name);
        start.Environment["ConnectionStrings__Console"] = connection;
        start.Environment["Demo__Enabled"] = "false";
        start.Environment["Engine__LeaseLength"] = lease;
        return Process.Start(start)!;
    }
}
