using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Mvc;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Store.Access;
using RollbackConsole.Store.Journal;
using RollbackConsole.Web.Setup;

namespace RollbackConsole.Web.Access;

/// <summary>The forms behind the sign-in page. Both carry an antiforgery token.</summary>
public static class SignInEndpoints
{
    public static void MapSignInAndOut(this IEndpointRouteBuilder app)
    {
        app.MapPost("/sign-in/submit", SignIn).RequireRateLimiting(RateLimits.SignIn).ExcludeFromDescription();
        app.MapPost("/sign-out", SignOut).RequireAuthorization().ExcludeFromDescription();
    }

    private static async Task<IResult> SignIn(HttpContext context, [FromForm] string? name, [FromForm] string? password, [FromForm] string? back,
        SignInManager<Account> signIn, EventJournal journal, TimeProvider time)
    {
        name = (name ?? "").Trim();
        var from = context.Connection.RemoteIpAddress?.ToString() ?? "unknown";
        var result = await signIn.PasswordSignInAsync(name, password ?? "", isPersistent: false, lockoutOnFailure: true);
        var now = time.GetUtcNow();
        if (result.Succeeded) return Results.LocalRedirect(IsLocal(back) ? back! : "/");
        if (result.RequiresTwoFactor) return Results.LocalRedirect("/sign-in/second" + (IsLocal(back) ? "?back=" + Uri.EscapeDataString(back!) : ""));
        await Append(new SignInFailed(name.Length > 100 ? name[..100] : name, from, result.IsLockedOut ? "the account is locked" : "wrong name or password", now), Person.Console);
        // One answer for a wrong name and a wrong password; a locked account is told, or people would keep trying.
        return Results.LocalRedirect($"/sign-in?error={(result.IsLockedOut ? "locked" : "wrong")}" + (IsLocal(back) ? "&back=" + Uri.EscapeDataString(back!) : ""));

        Task Append(IEvent e, Person by) => journal.Record(Streams.Access, "sessions", e, by, now);
    }

    private static async Task<IResult> SignOut(HttpContext context, [FromForm] string? back, SignInManager<Account> signIn, Sessions sessions, EventJournal journal, TimeProvider time)
    {
        var actor = context.User.ToActor();
        if (context.User.FindFirst(SessionCookies.SessionClaim)?.Value is { } session) await sessions.End(actor.Id, session, null, time.GetUtcNow());
        await signIn.SignOutAsync();
        await journal.Record(Streams.Access, "sessions", new SignedOut(actor.Id, actor.Name, time.GetUtcNow()), actor.Person, time.GetUtcNow());
        return Results.LocalRedirect(IsLocal(back) ? back! : "/sign-in");
    }

    internal static bool IsLocal(string? url) => url is { Length: > 0 } && url[0] == '/' && (url.Length == 1 || (url[1] != '/' && url[1] != '\\')) && !url.Any(char.IsControl);
}
