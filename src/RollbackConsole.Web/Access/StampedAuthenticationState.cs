using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Components.Server;
using Microsoft.AspNetCore.Identity;
using RollbackConsole.Domain.Access;
using RollbackConsole.Store.Access;

namespace RollbackConsole.Web.Access;

/// <summary>An open page outlives its sign-in's cookie check: it asks again every minute whether the account still stands.</summary>
public sealed class StampedAuthenticationState(ILoggerFactory logger, IServiceScopeFactory scopes) : RevalidatingServerAuthenticationStateProvider(logger)
{
    protected override TimeSpan RevalidationInterval => TimeSpan.FromMinutes(1);

    protected override async Task<bool> ValidateAuthenticationStateAsync(AuthenticationState authenticationState, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var users = scope.ServiceProvider.GetRequiredService<UserManager<Account>>();
        try
        {
            var account = await users.GetUserAsync(authenticationState.User);
            var session = authenticationState.User.FindFirst(SessionCookies.SessionClaim)?.Value;
            return account is not null && session is not null
                && await scope.ServiceProvider.GetRequiredService<Sessions>().IsGood(session, scope.ServiceProvider.GetRequiredService<TimeProvider>().GetUtcNow(), cancellationToken) && await users.GetSecurityStampAsync(account) == authenticationState.User.FindFirst(users.Options.ClaimsIdentity.SecurityStampClaimType)?.Value;
        }
        catch (Exception e) when (e is Npgsql.NpgsqlException or InvalidOperationException { InnerException: Npgsql.NpgsqlException })
        {
            // While the database is away nobody is thrown out of a page in the middle of an incident; every command asks again anyway.
            return true;
        }
    }
}

/// <summary>Who sits in front of this page.</summary>
public sealed class CurrentActor(AuthenticationStateProvider state)
{
    public async Task<Actor> Get() => (await state.GetAuthenticationStateAsync()).User.ToActor();
}

/// <summary>The console's own identities, for what it does without a person.</summary>
public static class SystemActor
{
    public static readonly Actor Library = new("system", "Library", [Role.Admin], []);
    public static readonly Actor CommandLine = new("cli", "Command line", Role.All, []);
}
