using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;
using RollbackConsole.Domain.Access;
using RollbackConsole.Store.Access;

namespace RollbackConsole.Web.Access;

/// <summary>Who somebody is: a cookie for people, a bearer token for programs, one set of claims for both.</summary>
public static class AccessSetup
{
    public const string GroupClaim = "group";
    private const string OwnerClaim = "owner";
    private const string ScopeClaim = "scope";
    private const string Either = "Console";
    private const string Bearer = "Bearer";

    public static IServiceCollection AddConsoleAccess(this IServiceCollection services, OAuthOptions? oauth = null)
    {
        services.AddIdentityCore<Account>(o =>
        {
            o.Password.RequiredLength = 12;
            o.Password.RequireNonAlphanumeric = false;
            o.Password.RequireUppercase = false;
            o.Password.RequireDigit = false;
            o.Lockout.MaxFailedAccessAttempts = 5;
            o.Lockout.DefaultLockoutTimeSpan = TimeSpan.FromMinutes(5);
            o.Stores.SchemaVersion = IdentitySchemaVersions.Version3;
            o.User.AllowedUserNameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._@+";
        }).AddEntityFrameworkStores<AccountsDb>().AddSignInManager().AddClaimsPrincipalFactory<AccountClaims>().AddDefaultTokenProviders();
        var authentication = services.AddAuthentication(o =>
        {
            o.DefaultScheme = Either;
            o.DefaultSignInScheme = IdentityConstants.ApplicationScheme;
            o.DefaultChallengeScheme = Either;
        })
            .AddPolicyScheme(Either, null, o => o.ForwardDefaultSelector = c =>
                c.Request.Headers.Authorization.Count > 0 || c.Request.Query.ContainsKey("access_token") ? Bearer : IdentityConstants.ApplicationScheme)
            .AddScheme<AuthenticationSchemeOptions, TokenHandler>(Bearer, null);
        authentication.AddIdentityCookies();
        if (oauth is { Enabled: true }) OAuthSignIn.Add(authentication, oauth);
        services.ConfigureApplicationCookie(o =>
        {
            o.Cookie.HttpOnly = true;
            o.Cookie.SameSite = SameSiteMode.Lax;
            o.ExpireTimeSpan = Sessions.Lasts;
            o.SlidingExpiration = true;
            o.LoginPath = "/sign-in";
            o.AccessDeniedPath = "/denied";
            o.ReturnUrlParameter = "back";
            o.Events.OnSigningIn = SessionCookies.Begin;
            o.Events.OnValidatePrincipal = SessionCookies.Validate;
            o.Events.OnRedirectToLogin = c => Redirect(c, 401);
            o.Events.OnRedirectToAccessDenied = c => Redirect(c, 403);
        });
        // A changed role or password reaches open sessions within a minute.
        services.Configure<SecurityStampValidatorOptions>(o =>
        {
            o.ValidationInterval = TimeSpan.FromMinutes(1);
            o.OnRefreshingPrincipal = SessionCookies.Keep;
        });
        var policies = services.AddAuthorizationBuilder();
        foreach (var permission in Enum.GetValues<Permission>())
            policies.AddPolicy(permission.ToString(), p => p.RequireAuthenticatedUser().RequireAssertion(c => c.User.ToActor().Can(permission)));
        services.AddCascadingAuthenticationState();
        services.AddScoped<AuthenticationStateProvider, StampedAuthenticationState>();
        services.AddScoped<Accounts>();
        services.AddSingleton<Doorkeeper>();
        services.AddDataProtection().SetApplicationName("rollback-console");
        services.AddOptions<KeyManagementOptions>().Configure<KeyRing>((o, ring) => o.XmlRepository = ring);
        return services;
    }

    /// <summary>The actor that the claims describe.</summary>
    public static Actor ToActor(this ClaimsPrincipal principal) => new(
        principal.FindFirstValue(ClaimTypes.NameIdentifier) ?? "",
        principal.Identity?.Name ?? "",
        [.. principal.FindAll(ClaimTypes.Role).Select(c => c.Value)],
        // What a provider calls a group is a group, even when it is called like a role.
        [.. principal.FindAll(GroupClaim).Select(c => c.Value).Except(Role.All, StringComparer.Ordinal)])
    {
        From = principal.FindFirstValue(SessionCookies.FromClaim),
        Owner = principal.FindFirstValue(OwnerClaim),
        Scope = principal.HasClaim(c => c.Type == ScopeClaim) ? [.. principal.FindAll(ScopeClaim).Select(c => Enum.Parse<Permission>(c.Value))] : null,
    };

    /// <summary>Pages go to the sign-in; programs get the plain status.</summary>
    private static Task Redirect(RedirectContext<Microsoft.AspNetCore.Authentication.Cookies.CookieAuthenticationOptions> context, int status)
    {
        var path = context.Request.Path;
        if (path.StartsWithSegments("/api") || path.StartsWithSegments("/hooks") || path.StartsWithSegments("/hubs") || path.StartsWithSegments("/openapi") || path.StartsWithSegments("/passkeys")) context.Response.StatusCode = status;
        else context.Response.Redirect(context.RedirectUri);
        return Task.CompletedTask;
    }

    private sealed class AccountClaims(UserManager<Account> users, IOptions<IdentityOptions> options) : UserClaimsPrincipalFactory<Account>(users, options)
    {
        protected override async Task<ClaimsIdentity> GenerateClaimsAsync(Account user)
        {
            var identity = await base.GenerateClaimsAsync(user);
            identity.AddClaims(user.Roles.Select(r => new Claim(ClaimTypes.Role, r)));
            identity.AddClaims(user.Groups.Select(g => new Claim(GroupClaim, g)));
            return identity;
        }
    }

    private sealed class TokenHandler(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, ApiTokens tokens)
        : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
    {
        protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
        {
            var header = Request.Headers.Authorization.ToString();
            // The hub's browser client cannot set a header on a web socket; SignalR sends the token as a query there.
            var token = header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) ? header["Bearer ".Length..].Trim()
                : Request.Path.StartsWithSegments("/hubs") ? Request.Query["access_token"].ToString() : "";
            if (token.Length == 0) return AuthenticateResult.Fail("No bearer token.");
            if (await tokens.Find(token, SessionCookies.Address(Context), Context.RequestAborted) is not { } actor) return AuthenticateResult.Fail("Unknown token.");
            var identity = new ClaimsIdentity(
                [new(ClaimTypes.NameIdentifier, actor.Id), new(ClaimTypes.Name, actor.Name), .. actor.Roles.Select(r => new Claim(ClaimTypes.Role, r)), .. actor.Groups.Select(g => new Claim(GroupClaim, g)),
                    .. (actor.Scope ?? []).Select(s => new Claim(ScopeClaim, s.ToString())), .. actor.Owner is { } owner ? [new Claim(OwnerClaim, owner)] : Array.Empty<Claim>()], Scheme.Name);
            return AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), Scheme.Name));
        }
    }
}
