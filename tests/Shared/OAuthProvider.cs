using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace RollbackConsole.Tests;

/// <summary>An OAuth 2.0 provider on this machine that knows one person. It stands for a real one, which no test machine has.</summary>
public sealed class OAuthProvider : IAsyncDisposable
{
    private const string Secret = "s3cret-of-the-client";

    private readonly WebApplication _app;

    private OAuthProvider(WebApplication app, string[] groups) => (_app, Groups) = (app, groups);

    public string Address => _app.Urls.First();

    /// <summary>What the provider says of the person at the next sign-in.</summary>
    public string[] Groups { get; set; }

    public (string Key, string Value)[] Settings => [
        ("OAuth:ClientId", "console"), ("OAuth:ClientSecret", Secret), ("OAuth:AuthorizationEndpoint", Address + "/authorize"),
        ("OAuth:TokenEndpoint", Address + "/token"), ("OAuth:UserInformationEndpoint", Address + "/user")];

    public static async Task<OAuthProvider> Start(params string[] groups)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        var app = builder.Build();
        var provider = new OAuthProvider(app, groups);
        app.MapGet("/authorize", (string redirect_uri, string state, string code_challenge) => Results.Redirect($"{redirect_uri}?code=code-{code_challenge.Length}&state={Uri.EscapeDataString(state)}"));
        app.MapPost("/token", async (HttpContext c) => (await c.Request.ReadFormAsync())["client_secret"] == Secret
            ? Results.Json(new { access_token = "access", token_type = "Bearer" }) : Results.StatusCode(401));
        app.MapGet("/user", (HttpContext c) => c.Request.Headers.Authorization == "Bearer access" ? Results.Json(new { sub = "42", preferred_username = "jo@example.test", groups = provider.Groups }) : Results.StatusCode(401));
        await app.StartAsync();
        return provider;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
