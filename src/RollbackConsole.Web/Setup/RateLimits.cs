using System.Threading.RateLimiting;
using Microsoft.AspNetCore.RateLimiting;

namespace RollbackConsole.Web.Setup;

/// <summary>Bounds on what strangers and eager senders may ask for.</summary>
public static class RateLimits
{
    public const string SignIn = "sign-in";
    public const string Hooks = "hooks";

    public static void Configure(RateLimiterOptions options)
    {
        options.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
        // A person mistypes a few times a minute; a guesser tries hundreds.
        options.AddPolicy(SignIn, context => RateLimitPartition.GetFixedWindowLimiter(context.Connection.RemoteIpAddress?.ToString() ?? "",
            _ => new FixedWindowRateLimiterOptions { PermitLimit = 30, Window = TimeSpan.FromMinutes(1) }));
        // Monitoring sends a few readings a second for each service.
        options.AddPolicy(Hooks, context => RateLimitPartition.GetTokenBucketLimiter(context.User.Identity?.Name ?? "",
            _ => new TokenBucketRateLimiterOptions { TokenLimit = 2000, TokensPerPeriod = 200, ReplenishmentPeriod = TimeSpan.FromSeconds(1), QueueLimit = 0 }));
    }
}
