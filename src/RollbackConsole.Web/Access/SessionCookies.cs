using System.Security.Claims;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Identity;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Store.Access;
using RollbackConsole.Store.Journal;

namespace RollbackConsole.Web.Access;

/// <summary>Every sign-in, however it came about, is a session that can be seen and ended.</summary>
public static class SessionCookies
{
    public const string SessionClaim = "session";
    public const string FromClaim = "from";

    /// <summary>Where a sign-in says how it came about.</summary>
    public const string Method = "sign-in method";

    /// <summary>Characters of a browser's name that are kept.</summary>
    private const int LongestAgent = 200;

    public static async Task Begin(CookieSigningInContext context)
    {
        // A renewed cookie is the same session.
        if (context.Principal?.Identity is not ClaimsIdentity identity || identity.HasClaim(c => c.Type == SessionClaim)) return;
        var services = context.HttpContext.RequestServices;
        var now = services.GetRequiredService<TimeProvider>().GetUtcNow();
        var user = context.Principal.FindFirstValue(ClaimTypes.NameIdentifier)!;
        var agent = context.HttpContext.Request.Headers.UserAgent.ToString();
        var session = new Session("session-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)), user, now, now, Address(context.HttpContext),
            agent.Length > LongestAgent ? agent[..LongestAgent] : agent, context.HttpContext.Items[Method] as string ?? "password", null);
        await services.GetRequiredService<Sessions>().Begin(session, context.HttpContext.RequestAborted);
        identity.AddClaim(new Claim(SessionClaim, session.Id));
        await services.GetRequiredService<EventJournal>().Record(Streams.Access, "sessions", new Domain.Access.SignedIn(user, context.Principal.Identity.Name ?? "", session.Address, now) { Method = session.Method },
            new Person(user, context.Principal.Identity.Name ?? ""), now, context.HttpContext.RequestAborted);
    }

    public static async Task Validate(CookieValidatePrincipalContext context)
    {
        await SecurityStampValidator.ValidatePrincipalAsync(context);
        if (context.Principal is null) return;
        var services = context.HttpContext.RequestServices;
        var id = context.Principal.FindFirstValue(SessionClaim);
        if (id is not null && await services.GetRequiredService<Sessions>().IsGood(id, services.GetRequiredService<TimeProvider>().GetUtcNow(), context.HttpContext.RequestAborted)) return;
        context.RejectPrincipal();
        await services.GetRequiredService<SignInManager<Account>>().SignOutAsync();
    }

    /// <summary>A principal that is built anew from the account stays in its session.</summary>
    public static Task Keep(SecurityStampRefreshingPrincipalContext context)
    {
        foreach (var claim in context.CurrentPrincipal?.FindAll(c => c.Type is SessionClaim or ClaimTypes.AuthenticationMethod) ?? [])
            if (context.NewPrincipal?.Identity is ClaimsIdentity identity && !identity.HasClaim(c => c.Type == claim.Type)) identity.AddClaim(claim.Clone());
        return Task.CompletedTask;
    }

    public static string Address(HttpContext context) => context.Connection.RemoteIpAddress?.ToString() ?? "unknown";

    /// <summary>Where a call comes from belongs to who makes it: the journal keeps both.</summary>
    public static Task AddAddress(HttpContext context, RequestDelegate next)
    {
        if (context.User.Identity is ClaimsIdentity { IsAuthenticated: true } identity && !identity.HasClaim(c => c.Type == FromClaim)) identity.AddClaim(new Claim(FromClaim, Address(context)));
        return next(context);
    }
}
