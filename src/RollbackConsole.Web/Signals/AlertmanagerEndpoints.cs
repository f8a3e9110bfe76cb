using System.Security.Claims;
using Microsoft.AspNetCore.RateLimiting;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Signals;
using RollbackConsole.Engine.Signals;
using RollbackConsole.Web.Access;
using RollbackConsole.Web.Setup;

namespace RollbackConsole.Web.Signals;

/// <summary>Alertmanager's webhook, version 4, as it is sent.</summary>
public static class AlertmanagerEndpoints
{
    public sealed record Notification(string? Version, IReadOnlyList<SentAlert?>? Alerts, int? TruncatedAlerts, Dictionary<string, string>? CommonLabels, Dictionary<string, string>? CommonAnnotations);

    public sealed record SentAlert(string? Status, Dictionary<string, string>? Labels, Dictionary<string, string>? Annotations, DateTimeOffset? StartsAt, DateTimeOffset? EndsAt, string? Fingerprint);

    /// <param name="Beyond">Alerts that were counted only, because too many of one service wait already.</param>
    public sealed record Receipt(int Received, int Beyond);

    public static void MapAlertmanager(this IEndpointRouteBuilder routes, bool described)
    {
        var hook = routes.MapPost("/hooks/alertmanager", Take).RequireAuthorization(nameof(Permission.SendSignals)).RequireRateLimiting(RateLimits.Alerts).DisableAntiforgery();
        if (!described) hook.ExcludeFromDescription();
    }

    private static async Task<IResult> Take(Notification body, ClaimsPrincipal user, AlertIntake intake, TimeProvider time, CancellationToken ct)
    {
        if (body.Version != "4") throw new RefusedException(RefusalKind.Invalid, "This is no Alertmanager webhook of version 4: 'version' must be \"4\".", "version");
        var now = time.GetUtcNow();
        var alerts = (body.Alerts ?? throw new RefusedException(RefusalKind.Invalid, "'alerts' is missing.", "alerts")).Select(a => a ?? throw new RefusedException(RefusalKind.Invalid, "An alert is empty.", "alerts")).Select(a => AlertLabels.Read(
            Both(body.CommonLabels, a.Labels), Both(body.CommonAnnotations, a.Annotations), a.Status != "resolved", Moment(a.StartsAt), Moment(a.EndsAt), a.Fingerprint, now)).ToList();
        var beyond = await intake.Take(user.ToActor(), alerts, ct);
        return Results.Json(new Receipt(alerts.Count, beyond), DomainJson.Options, statusCode: 202);
    }

    /// <summary>An alert's own labels, with those of its group behind them.</summary>
    private static Dictionary<string, string> Both(Dictionary<string, string>? common, Dictionary<string, string>? own)
    {
        var labels = new Dictionary<string, string>(own ?? [], StringComparer.Ordinal);
        foreach (var (name, value) in common ?? []) labels.TryAdd(name, value);
        return labels;
    }

    /// <summary>Alertmanager writes the year 1 for "not yet".</summary>
    private static DateTimeOffset? Moment(DateTimeOffset? at) => at is { Year: > 1970 } ? at : null;
}
