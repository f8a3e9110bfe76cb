using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
using RollbackConsole.Tests;

// One console, one shop, two cores: one story after the other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
[assembly: AssemblyFixture(typeof(RollbackConsole.EndToEnd.RunningConsole))]

namespace RollbackConsole.EndToEnd;

/// <summary>The console as a user starts it: its own process, embedded PostgreSQL, the demo shop, and a real Chromium in front.</summary>
public sealed partial class RunningConsole : IAsyncLifetime
{
    private const string Chromium = "/usr/bin/chromium";

    private readonly ConcurrentQueue<string> _output = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("rollback-console-e2e-").FullName;
    private Process? _process;
    private IPlaywright? _playwright;
    private IBrowser? _browser;
    private string? _test;
    private readonly List<IBrowserContext> _contexts = [];
    private readonly ConcurrentQueue<string> _pageErrors = new();

    public string Address { get; private set; } = "";

    /// <summary>Who vouches for people on the single sign-on.</summary>
    public OAuthProvider Provider { get; private set; } = null!;

    public string DataDirectory => Path.Combine(_folder, "data");

    /// <summary>Why nothing can be driven here; null when it can.</summary>
    public string? Missing { get; private set; }

    public static string Root
    {
        get
        {
            var root = AppContext.BaseDirectory;
            while (!File.Exists(Path.Combine(root, "RollbackConsole.sln"))) root = Path.GetDirectoryName(root)!;
            return root;
        }
    }

    private static string Configuration => AppContext.BaseDirectory.Contains("/Release/", StringComparison.Ordinal) ? "Release" : "Debug";

    private static string ConsoleAssembly => Path.Combine(Root, "src/RollbackConsole.Web/bin", Configuration, "net10.0/rollback-console.dll");

    public async ValueTask InitializeAsync()
    {
        Missing = !File.Exists(Chromium) ? "Chromium is not installed on this machine."
            : !Directory.Exists("/usr/lib/postgresql") ? "PostgreSQL is not installed on this machine." : null;
        if (Missing is not null) return;
        File.SetUnixFileMode(_folder, (UnixFileMode)0b111_101_101);
        Provider = await OAuthProvider.Start();
        _process = Start([]);
        _process.OutputDataReceived += (_, e) => { if (e.Data is not null) _output.Enqueue(e.Data); };
        _process.ErrorDataReceived += (_, e) => { if (e.Data is not null) _output.Enqueue(e.Data); };
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        for (var tries = 0; !_output.Any(l => l.Contains(" is ready at ", StringComparison.Ordinal)); tries++)
        {
            Assert.True(tries < 600 && !_process.HasExited, string.Join('\n', _output));
            await Task.Delay(100);
        }
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new()
        {
            ExecutablePath = Chromium,
            Args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
        });
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null) await _browser.DisposeAsync();
        _playwright?.Dispose();
        if (_process is not null)
        {
            using (var kill = Process.Start("kill", ["-TERM", $"{_process.Id}"])) await kill.WaitForExitAsync();
            await _process.WaitForExitAsync();
            _process.Dispose();
        }
        if (Provider is not null) await Provider.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>A browser of its own, signed in by the form as a person does it.</summary>
    public async Task<IPage> SignIn(string name, string? password = null, BrowserNewContextOptions? options = null)
    {
        var page = await Open(options);
        await page.GotoAsync(Address + "/sign-in");
        await page.FillAsync("input[name=name]", name);
        await page.FillAsync("input[name=password]", password ?? PasswordOf(name));
        await page.ClickAsync("button[type=submit]");
        await page.WaitForSelectorAsync("h1:has-text('Board')");
        return page;
    }

    /// <summary>A browser of its own that nobody has signed in.</summary>
    public async Task<IPage> Open(BrowserNewContextOptions? options = null)
    {
        Assert.SkipWhen(Missing is not null, Missing ?? "");
        await Begin();
        var context = await _browser!.NewContextAsync(options ?? new() { ViewportSize = new() { Width = 1440, Height = 900 } });
        _contexts.Add(context);
        var page = await context.NewPageAsync();
        page.PageError += (_, e) => _pageErrors.Enqueue(e);
        return page;
    }

    /// <summary>What the browser complained about in this test: nothing may go wrong unseen.</summary>
    public IEnumerable<string> PageErrors => _pageErrors;

    /// <summary>Pages of the test before would go on being live, and take the machine from this one.</summary>
    private async Task Begin()
    {
        if (TestContext.Current.Test?.UniqueID == _test) return;
        _test = TestContext.Current.Test?.UniqueID;
        foreach (var context in _contexts) await context.CloseAsync();
        _contexts.Clear();
        _pageErrors.Clear();
    }

    /// <summary>Ends whatever is open, for a story that begins with a quiet board.</summary>
    public async Task Quiet()
    {
        using var api = await Api("admin", "commander");
        foreach (var incident in (await api.GetFromJsonAsync<JsonElement>("incidents?status=open&limit=500")).GetProperty("items").EnumerateArray())
        {
            var id = incident.GetProperty("id").GetString();
            if (incident.GetProperty("status").GetString() == "open") (await api.PostAsJsonAsync($"incidents/{id}/resolve", new { summary = "over" })).EnsureSuccessStatusCode();
            (await api.PostAsync($"incidents/{id}/close", null)).EnsureSuccessStatusCode();
        }
    }

    /// <summary>Runs the admin command line against the running console, and answers with what it printed.</summary>
    public async Task<string> Cli(params string[] arguments)
    {
        Assert.SkipWhen(Missing is not null, Missing ?? "");
        using var process = Start(arguments);
        var output = await process.StandardOutput.ReadToEndAsync();
        var errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, output + errors);
        return output.Trim();
    }

    public async Task<HttpClient> Api(params string[] roles)
    {
        var token = await Cli(["token", "create", "--name", string.Join('-', roles), "--role", string.Join(',', roles)]);
        return new HttpClient { BaseAddress = new Uri(Address + "/api/v1/"), DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", token) } };
    }

    private string PasswordOf(string name) => PasswordLine().Matches(string.Join('\n', _output)).Single(m => m.Groups["name"].Value == name).Groups["password"].Value;

    private Process Start(string[] arguments)
    {
        if (Address.Length == 0) Address = $"http://127.0.0.1:{Ports.Free()}";
        return Start(arguments, Address, DataDirectory, demo: true, [.. Provider.Settings, ("OAuth:Title", "Sign in with the company"), ("OAuth:Roles:responder", "engineers")]);
    }

    /// <summary>A console process on any address and folder.</summary>
    internal static Process Start(string[] arguments, string address, string data, bool demo, params (string Key, string Value)[] settings)
    {
        var start = new ProcessStartInfo("dotnet", [ConsoleAssembly, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false, WorkingDirectory = Path.GetDirectoryName(data) };
        start.Environment["Console__Urls"] = address;
        start.Environment["Console__DataDirectory"] = data;
        start.Environment["Console__Library"] = Path.Combine(Root, "deploy/library");
        start.Environment["Demo__Enabled"] = demo ? "true" : "false";
        start.Environment["Demo__Shop"] = Path.Combine(Root, "deploy/demo/Shop/bin", Configuration, "net10.0/shop.dll");
        foreach (var (key, value) in settings) start.Environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;
        return Process.Start(start)!;
    }

    [GeneratedRegex(@"One-time password of '(?<name>\w+)' \([^)]*\): (?<password>\S+)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex PasswordLine();
}
