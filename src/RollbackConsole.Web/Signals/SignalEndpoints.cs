using System.Security.Claims;
using Microsoft.AspNetCore.RateLimiting;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Signals;
using RollbackConsole.Engine.Signals;
using RollbackConsole.Web.Access;
using RollbackConsole.Web.Setup;

namespace RollbackConsole.Web.Signals;

public static class SignalEndpoints
{
    public sealed record SignalReading(string? Service, string? Environment, string? Metric, double? Value, double? Baseline, DateTimeOffset? At);

    public static void MapSignals(this IEndpointRouteBuilder api) => api.MapPost("/hooks/signals", Take).RequireAuthorization(nameof(Permission.SendSignals)).RequireRateLimiting(RateLimits.Hooks);

    /// <summary>Senders that know only the host's root find the hook there as well.</summary>
    public static void MapHooksOutsideTheApi(this IEndpointRouteBuilder app) =>
        app.MapPost("/hooks/signals", Take).RequireAuthorization(nameof(Permission.SendSignals)).RequireRateLimiting(RateLimits.Hooks).DisableAntiforgery().ExcludeFromDescription();

    private static async Task<IResult> Take(SignalReading body, ClaimsPrincipal user, SignalIntake intake, TimeProvider time, CancellationToken ct)
    {
        if (body.Value is not { } value) throw new RefusedException(RefusalKind.Invalid, "'value' is missing.", "value");
        var incident = await intake.Take(user.ToActor(),
            new MetricPoint(body.Service ?? "", body.Environment ?? "", body.Metric ?? "", value, body.Baseline, body.At ?? time.GetUtcNow()), ct);
        return Results.Json(new { IncidentId = incident }, DomainJson.Options, statusCode: 202);
    }
}
