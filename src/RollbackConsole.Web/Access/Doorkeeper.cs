using System.Security.Claims;
using Microsoft.AspNetCore.Identity;
using RollbackConsole.Store.Access;

namespace RollbackConsole.Web.Access;

/// <summary>Says whether somebody who was let in earlier may still be in: pages and live feeds outlive the call that opened them.</summary>
public sealed class Doorkeeper(IServiceScopeFactory scopes, Sessions sessions, ApiTokens tokens, TimeProvider time)
{
    /// <summary>A revoked token, an ended session and a changed role end what is open within this time.</summary>
    public static readonly TimeSpan AskEvery = TimeSpan.FromSeconds(30);

    public async Task<bool> MayStay(ClaimsPrincipal user, CancellationToken ct)
    {
        var id = user.FindFirstValue(ClaimTypes.NameIdentifier) ?? "";
        if (id.StartsWith("token-", StringComparison.Ordinal))
        {
            // A feed that was opened with more than its token has now is closed; whoever still may opens it again.
            var opened = user.ToActor();
            return await tokens.Now(id, ct) is { } now && opened.Roles.ToHashSet(StringComparer.Ordinal).SetEquals(now.Roles) && opened.Groups.ToHashSet(StringComparer.Ordinal).SetEquals(now.Groups.Except(Domain.Access.Role.All, StringComparer.Ordinal));
        }
        if (user.FindFirstValue(SessionCookies.SessionClaim) is not { } session || !await sessions.IsGood(session, time.GetUtcNow(), ct)) return false;
        await using var scope = scopes.CreateAsyncScope();
        var users = scope.ServiceProvider.GetRequiredService<UserManager<Account>>();
        return await users.FindByIdAsync(id) is { } account && await users.GetSecurityStampAsync(account) == user.FindFirstValue(users.Options.ClaimsIdentity.SecurityStampClaimType);
    }
}
