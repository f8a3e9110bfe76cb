using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using RollbackConsole.Domain.Access;
using RollbackConsole.Tests;
using RollbackConsole.Web.Access;
using RollbackConsole.Web.Setup;

namespace RollbackConsole.Web.Tests;

/// <summary>The whole console on a real port and a real database, and clients that hold tokens.</summary>
internal sealed class TestConsole : IAsyncDisposable
{
    private TestConsole(ConsoleHost host) => Host = host;

    public ConsoleHost Host { get; }

    public string Address => Host.Address;

    public IServiceProvider Services => Host.App.Services;

    public static async Task<TestConsole> Start(TestCluster cluster, params (string Key, string Value)[] more)
    {
        var host = await ConsoleHost.Build([], new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase)
        {
            ["ConnectionStrings:Console"] = await cluster.EmptyDatabase(),
            ["Console:DataDirectory"] = cluster.Folder(),
            ["Console:Urls"] = "http://127.0.0.1:0",
            ["Engine:LogFlushEvery"] = "00:00:00.030",
            ["Engine:ReconcileEvery"] = "00:00:00.300",
            ["Serilog:MinimumLevel:Default"] = "Fatal",
        }.Concat(more.Select(m => KeyValuePair.Create(m.Key, (string?)m.Value))), default);
        await host.App.StartAsync();
        return new TestConsole(host);
    }

    public async Task<string> Token(string name, params string[] roles)
    {
        await using var scope = Services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<Accounts>().CreateToken(SystemActor.CommandLine, name, roles, []);
    }

    public async Task<HttpClient> As(params string[] roles) => Client(await Token(string.Join('+', roles), roles));

    public HttpClient Client(string? token)
    {
        var client = new HttpClient { BaseAddress = new Uri(Address + "/api/v1/") };
        if (token is not null) client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return client;
    }

    /// <summary>Keeps a plan, declares an incident and asks for a run.</summary>
    public async Task<JsonElement> Request(HttpClient commander, string yaml, object? parameters = null, bool dryRun = false)
    {
        using var admin = await As(Role.Admin);
        var name = yaml.Split('\n')[0]["plan: ".Length..].Trim();
        (await admin.PutAsync($"plans/{name}", new StringContent(yaml, Encoding.UTF8, "text/yaml"))).EnsureSuccessStatusCode();
        var incident = await (await commander.PostAsJsonAsync("incidents", new { title = "Broken", service = "shop", environment = "production", severity = "high" })).Json(HttpStatusCode.Created);
        return await (await commander.PostAsJsonAsync($"incidents/{incident.GetProperty("id").GetString()}/runs", new { plan = name, parameters = parameters ?? new { }, dryRun, reason = "test" })).Json(HttpStatusCode.Created);
    }

    public ValueTask DisposeAsync() => Stop();

    private async ValueTask Stop()
    {
        await Host.App.StopAsync();
        await Host.DisposeAsync();
    }
}

internal static class Answers
{
    /// <summary>The body, after the status was the expected one.</summary>
    public static async Task<JsonElement> Json(this HttpResponseMessage answer, HttpStatusCode expected = HttpStatusCode.OK)
    {
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == expected, $"{(int)answer.StatusCode}: {text}");
        return JsonDocument.Parse(text).RootElement;
    }

    public static string Text(this JsonElement element, string name) => element.GetProperty(name).GetString()!;

    public static async Task<JsonElement> Until(this HttpClient client, string path, Func<JsonElement, bool> reached)
    {
        for (var tries = 0; ; tries++)
        {
            var found = await (await client.GetAsync(path)).Json();
            if (reached(found)) return found;
            Assert.True(tries < 1200, found.ToString());
            await Task.Delay(100);
        }
    }
}
