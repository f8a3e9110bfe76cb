using System.Threading.RateLimiting;
using Microsoft.AspNetCore.RateLimiting;

namespace RollbackConsole.Web.Setup;

/// <summary>Bounds on what strangers and eager senders may ask for.</summary>
public static class RateLimits
{
    public const string SignIn = "sign-in";
    public const string Hooks = "hooks";
    public const string Alerts = "alerts";

    public static void Configure(RateLimiterOptions options)
    {
        options.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
        // A person mistypes a few times a minute; a guesser tries hundreds.
        options.AddPolicy(SignIn, context => RateLimitPartition.GetFixedWindowLimiter(context.Connection.RemoteIpAddress?.ToString() ?? "",
            _ => new FixedWindowRateLimiterOptions { PermitLimit = 30, Window = TimeSpan.FromMinutes(1) }));
        // Monitoring sends a few readings a second for each service.
        options.AddPolicy(Hooks, context => RateLimitPartition.GetTokenBucketLimiter(context.User.Identity?.Name ?? "",
            _ => new TokenBucketRateLimiterOptions { TokenLimit = 2000, TokensPerPeriod = 200, ReplenishmentPeriod = TimeSpan.FromSeconds(1), QueueLimit = 0 }));
        // Alertmanager drops what is refused with a 4xx and repeats what fails with a 5xx: a burst waits in line, and only what is beyond the line is told to come again.
        options.AddPolicy(Alerts, context => RateLimitPartition.GetConcurrencyLimiter(context.User.Identity?.Name ?? "",
            _ => new ConcurrencyLimiterOptions { PermitLimit = 8, QueueLimit = 5000, QueueProcessingOrder = QueueProcessingOrder.OldestFirst }));
        options.OnRejected = (rejected, _) =>
        {
            if (rejected.HttpContext.Request.Path.Value?.EndsWith("/hooks/alertmanager", StringComparison.Ordinal) == true)
            {
                rejected.HttpContext.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
                rejected.HttpContext.Response.Headers.RetryAfter = "5";
            }
            return ValueTask.CompletedTask;
        };
    }
}
