using System.Text.Json;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Mvc;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Store.Access;
using RollbackConsole.Store.Journal;
using RollbackConsole.Web.Setup;

namespace RollbackConsole.Web.Access;

/// <summary>The second step of a sign-in, and passkeys, which need the browser's cookies and so cannot live in a circuit.</summary>
public static class SecondFactorEndpoints
{
    public sealed record CredentialBody(JsonElement Credential, string? Name);

    public static void MapSecondFactor(this IEndpointRouteBuilder app)
    {
        app.MapPost("/sign-in/second/submit", Second).RequireRateLimiting(RateLimits.SignIn).ExcludeFromDescription();
        var passkeys = app.MapGroup("/passkeys").DisableAntiforgery().ExcludeFromDescription();
        passkeys.MapPost("/sign-in/options", async (SignInManager<Account> signIn) => Results.Content(await signIn.MakePasskeyRequestOptionsAsync(null), "application/json")).RequireRateLimiting(RateLimits.SignIn);
        passkeys.MapPost("/sign-in", SignIn).RequireRateLimiting(RateLimits.SignIn);
        passkeys.MapPost("/options", Options).RequireAuthorization();
        passkeys.MapPost("", Add).RequireAuthorization();
    }

    private static async Task<IResult> Second(HttpContext context, [FromForm] string? code, [FromForm] string? recovery, [FromForm] string? back, SignInManager<Account> signIn, EventJournal journal, TimeProvider time)
    {
        if (await signIn.GetTwoFactorAuthenticationUserAsync() is not { } account) return Results.LocalRedirect("/sign-in?error=again");
        // A recovery code asks for no lock by itself; the password before it may be older than the lock.
        if (await signIn.UserManager.IsLockedOutAsync(account)) return Results.LocalRedirect("/sign-in?error=locked");
        context.Items[SessionCookies.Method] = string.IsNullOrWhiteSpace(recovery) ? "second factor" : "recovery code";
        var result = string.IsNullOrWhiteSpace(recovery)
            ? await signIn.TwoFactorAuthenticatorSignInAsync((code ?? "").Replace(" ", "", StringComparison.Ordinal), isPersistent: false, rememberClient: false)
            : await signIn.TwoFactorRecoveryCodeSignInAsync(recovery.Trim());
        if (result.Succeeded) return Results.LocalRedirect(SignInEndpoints.IsLocal(back) ? back! : "/");
        var now = time.GetUtcNow();
        await journal.Record(Streams.Access, "sessions", new SignInFailed(account.UserName!, SessionCookies.Address(context), result.IsLockedOut ? "the account is locked" : "wrong second factor", now), Person.Console, now);
        return Results.LocalRedirect(result.IsLockedOut ? "/sign-in?error=locked" : "/sign-in/second?error=wrong" + (SignInEndpoints.IsLocal(back) ? "&back=" + Uri.EscapeDataString(back!) : ""));
    }

    private static async Task<IResult> SignIn(HttpContext context, CredentialBody body, SignInManager<Account> signIn, EventJournal journal, TimeProvider time)
    {
        if (body.Credential.ValueKind != JsonValueKind.Object) return Results.Problem("The credential is missing.", statusCode: 400);
        context.Items[SessionCookies.Method] = "passkey";
        Microsoft.AspNetCore.Identity.SignInResult result;
        try
        {
            result = await signIn.PasskeySignInAsync(body.Credential.GetRawText());
        }
        catch (InvalidOperationException)
        {
            // No options were asked for before, or too long ago.
            return Results.Problem("Ask for the passkey again.", statusCode: 409);
        }
        if (result.Succeeded) return Results.NoContent();
        var now = time.GetUtcNow();
        await journal.Record(Streams.Access, "sessions", new SignInFailed("(passkey)", SessionCookies.Address(context), result.IsLockedOut ? "the account is locked" : "the passkey is not known", now), Person.Console, now);
        return Results.Problem(result.IsLockedOut ? "The account is locked." : "This passkey is not known here.", statusCode: 401);
    }

    private static async Task<IResult> Options(HttpContext context, SignInManager<Account> signIn, UserManager<Account> users)
    {
        if (await users.GetUserAsync(context.User) is not { } account) return Results.Problem("Only people have passkeys.", statusCode: 403);
        return Results.Content(await signIn.MakePasskeyCreationOptionsAsync(new() { Id = account.Id, Name = account.UserName!, DisplayName = account.UserName! }), "application/json");
    }

    private static async Task<IResult> Add(HttpContext context, CredentialBody body, SignInManager<Account> signIn, UserManager<Account> users, Accounts accounts)
    {
        if (await users.GetUserAsync(context.User) is not { } account) return Results.Problem("Only people have passkeys.", statusCode: 403);
        // A passkey would let somebody in whom the provider has sent away.
        if (await accounts.IsFromOutside(account)) return Results.Problem("Your single sign-on lets you in; a passkey of this console's own would go past it.", statusCode: 403);
        if (body.Credential.ValueKind != JsonValueKind.Object) return Results.Problem("The credential is missing.", statusCode: 400);
        PasskeyAttestationResult attestation;
        try
        {
            attestation = await signIn.PerformPasskeyAttestationAsync(body.Credential.GetRawText());
        }
        catch (InvalidOperationException)
        {
            return Results.Problem("That took too long; start again.", statusCode: 409);
        }
        if (!attestation.Succeeded) return Results.Problem("The passkey could not be made: " + attestation.Failure.Message, statusCode: 400);
        var name = string.IsNullOrWhiteSpace(body.Name) ? "Passkey" : body.Name.Trim();
        attestation.Passkey.Name = name.Length > 100 ? name[..100] : name;
        var kept = await users.AddOrUpdatePasskeyAsync(account, attestation.Passkey);
        if (!kept.Succeeded) return Results.Problem(string.Join(" ", kept.Errors.Select(e => e.Description)), statusCode: 400);
        await accounts.Changed(context.User.ToActor(), account, $"added the passkey '{attestation.Passkey.Name}'");
        return Results.NoContent();
    }
}
