using System.Net.Http.Headers;
using System.Security.Claims;
using System.Text.Json;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.OAuth;
using Microsoft.AspNetCore.Identity;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Store.Access;
using RollbackConsole.Store.Journal;
using RollbackConsole.Web.Setup;

namespace RollbackConsole.Web.Access;

/// <summary>Single sign-on through any OAuth 2.0 provider that tells who somebody is.</summary>
public sealed class OAuthOptions
{
    public string Title { get; set; } = "";
    public string ClientId { get; set; } = "";
    public string ClientSecret { get; set; } = "";
    public string AuthorizationEndpoint { get; set; } = "";
    public string TokenEndpoint { get; set; } = "";
    public string UserInformationEndpoint { get; set; } = "";
    public string Scopes { get; set; } = "";

    /// <summary>Fields of the provider's answer.</summary>
    public string SubjectField { get; set; } = "";
    public string NameField { get; set; } = "";
    public string GroupsField { get; set; } = "";

    /// <summary>The provider's group that gives a role, by role; somebody without any stays outside.</summary>
    public Dictionary<string, string> Roles { get; set; } = new(StringComparer.Ordinal);

    public bool Enabled => ClientId.Length > 0;
}

public static class OAuthSignIn
{
    public const string Scheme = "OAuth";

    public static void Add(AuthenticationBuilder authentication, OAuthOptions settings) => authentication.AddOAuth(Scheme, o =>
    {
        (o.ClientId, o.ClientSecret) = (settings.ClientId, settings.ClientSecret);
        (o.AuthorizationEndpoint, o.TokenEndpoint, o.UserInformationEndpoint) = (settings.AuthorizationEndpoint, settings.TokenEndpoint, settings.UserInformationEndpoint);
        o.CallbackPath = "/sign-in/oauth/callback";
        o.SignInScheme = IdentityConstants.ExternalScheme;
        o.UsePkce = true;
        // The provider sends the browser back with a plain link: lax is enough, and works behind a proxy that ends TLS.
        (o.CorrelationCookie.SameSite, o.CorrelationCookie.SecurePolicy) = (SameSiteMode.Lax, CookieSecurePolicy.SameAsRequest);
        foreach (var scope in settings.Scopes.Split(' ', StringSplitOptions.RemoveEmptyEntries)) o.Scope.Add(scope);
        o.Events = new OAuthEvents
        {
            OnCreatingTicket = c => WhoIsIt(c, settings),
            OnRemoteFailure = c =>
            {
                c.HandleResponse();
                c.Response.Redirect("/sign-in?error=oauth");
                return Task.CompletedTask;
            },
        };
    });

    public static void MapOAuth(this IEndpointRouteBuilder app)
    {
        app.MapGet("/sign-in/oauth", (string? back) => Results.Challenge(new AuthenticationProperties { RedirectUri = "/sign-in/oauth/done" + (SignInEndpoints.IsLocal(back) ? "?back=" + Uri.EscapeDataString(back!) : ""), Items = { ["LoginProvider"] = Scheme } }, [Scheme]))
            .RequireRateLimiting(RateLimits.SignIn).ExcludeFromDescription();
        app.MapGet("/sign-in/oauth/done", Done).RequireRateLimiting(RateLimits.SignIn).ExcludeFromDescription();
    }

    private static async Task WhoIsIt(OAuthCreatingTicketContext context, OAuthOptions settings)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, context.Options.UserInformationEndpoint);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", context.AccessToken);
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        using var answer = await context.Backchannel.SendAsync(request, context.HttpContext.RequestAborted);
        answer.EnsureSuccessStatusCode();
        using var user = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(context.HttpContext.RequestAborted));
        context.Identity!.AddClaim(new Claim(ClaimTypes.NameIdentifier, Text(user.RootElement, settings.SubjectField)));
        context.Identity.AddClaim(new Claim(ClaimTypes.Name, Text(user.RootElement, settings.NameField)));
        if (user.RootElement.TryGetProperty(settings.GroupsField, out var groups) && groups.ValueKind == JsonValueKind.Array)
            foreach (var group in groups.EnumerateArray().Take(500)) context.Identity.AddClaim(new Claim(AccessSetup.GroupClaim, group.ToString()));
    }

    private static string Text(JsonElement user, string field) => user.TryGetProperty(field, out var value) && value.ToString() is { Length: > 0 } text ? text
        : throw new InvalidOperationException($"The provider's answer has no '{field}'.");

    /// <summary>The provider said who it is: what the account may do follows its groups, at every sign-in anew.</summary>
    private static async Task<IResult> Done(HttpContext context, string? back, SignInManager<Account> signIn, UserManager<Account> users, Accounts accounts, Microsoft.Extensions.Options.IOptions<OAuthOptions> options, EventJournal journal, TimeProvider time)
    {
        if (await signIn.GetExternalLoginInfoAsync() is not { } info) return Results.LocalRedirect("/sign-in?error=oauth");
        var name = info.Principal.FindFirstValue(ClaimTypes.Name)!;
        var groups = info.Principal.FindAll(AccessSetup.GroupClaim).Select(c => c.Value).ToList();
        var roles = options.Value.Roles.Where(r => groups.Contains(r.Value, StringComparer.Ordinal)).Select(r => r.Key).ToList();
        var account = await users.FindByLoginAsync(Scheme, info.ProviderKey);
        string? refusal = roles.Count == 0 ? "no role for any of their groups" : account is null && await users.FindByNameAsync(name) is not null ? "a local account has that name" : null;
        if (refusal is null)
        {
            try
            {
                account = await accounts.FromOutside(account, name, Scheme, info.ProviderKey, options.Value.Title, roles, groups);
            }
            catch (RefusedException e)
            {
                refusal = e.Message;
            }
        }
        if (refusal is not null)
        {
            // Whoever the provider has sent away is not kept in by an older sign-in.
            if (account is not null && roles.Count == 0) await accounts.Dismiss(account);
            await journal.Record(Streams.Access, "sessions", new SignInFailed(name.Length > 100 ? name[..100] : name, SessionCookies.Address(context), $"single sign-on: {refusal}", time.GetUtcNow()), Person.Console, time.GetUtcNow());
            return Results.LocalRedirect("/sign-in?error=outside");
        }
        context.Items[SessionCookies.Method] = "single sign-on";
        var result = await signIn.ExternalLoginSignInAsync(Scheme, info.ProviderKey, isPersistent: false, bypassTwoFactor: true);
        return Results.LocalRedirect(result.Succeeded ? SignInEndpoints.IsLocal(back) ? back! : "/" : "/sign-in?error=locked");
    }
}
