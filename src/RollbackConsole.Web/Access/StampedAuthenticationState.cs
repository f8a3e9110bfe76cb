using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Components.Server;
using RollbackConsole.Domain.Access;

namespace RollbackConsole.Web.Access;

/// <summary>An open page outlives its sign-in's cookie check: it asks again all the time whether the account still stands.</summary>
public sealed class StampedAuthenticationState(ILoggerFactory logger, Doorkeeper door) : RevalidatingServerAuthenticationStateProvider(logger)
{
    protected override TimeSpan RevalidationInterval => Doorkeeper.AskEvery;

    protected override async Task<bool> ValidateAuthenticationStateAsync(AuthenticationState authenticationState, CancellationToken cancellationToken)
    {
        try
        {
            return await door.MayStay(authenticationState.User, cancellationToken);
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
