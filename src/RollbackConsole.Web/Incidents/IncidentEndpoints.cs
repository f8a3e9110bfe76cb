using System.Security.Claims;
using System.Text.Json;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Engine.Incidents;
using RollbackConsole.Engine.Journal;
using RollbackConsole.Store.Incidents;
using RollbackConsole.Web.Access;
using RollbackConsole.Web.Setup;
using RollbackConsole.Web.Severity;

namespace RollbackConsole.Web.Incidents;

public static class IncidentEndpoints
{
    public sealed record DeclareBody(string? Title, string? Service, string? Environment, JsonElement? Signals, Level? Severity);

    public sealed record SeverityBody(JsonElement? Signals, Level? Severity, string? Reason);

    public sealed record NoteBody(string? Text);

    public sealed record ResolveBody(string? Summary);

    public sealed record IncidentAnswer(
        string Id, int Number, string Title, string Service, string Environment, Level Severity, Advice Action, DateTimeOffset DecideBy,
        DateTimeOffset? DecidedAt, IncidentStatus Status, string? Commander, DateTimeOffset DeclaredAt, DateTimeOffset? ResolvedAt)
    {
        public static IncidentAnswer Of(Incident i) => new(i.Id, i.Number, i.Title, i.Service, i.Environment, i.Severity, i.Action, i.DecideBy, i.DecidedAt,
            i.Status, i.Commander?.Name, i.DeclaredAt, i.ResolvedAt);

        public static IncidentAnswer Of(IncidentRow i) => new(i.Id, i.Number, i.Title, i.Service, i.Environment, i.Severity, i.Action, i.DecideBy, i.DecidedAt,
            i.Status, i.Commander, i.DeclaredAt, i.ResolvedAt);
    }

    public static void MapIncidents(this IEndpointRouteBuilder api)
    {
        var incidents = api.MapGroup("/incidents").RequireAuthorization(nameof(Permission.See));
        incidents.MapPost("", Declare);
        incidents.MapGet("", List);
        incidents.MapGet("/{id}", async (string id, ClaimsPrincipal user, IncidentDesk desk, CancellationToken ct) => IncidentAnswer.Of(await desk.Get(user.ToActor(), id, ct)));
        incidents.MapGet("/{id}/timeline", TimelineOf);
        incidents.MapPost("/{id}/commander", async (string id, ClaimsPrincipal user, IncidentDesk desk, CancellationToken ct) => IncidentAnswer.Of(await desk.TakeCommand(user.ToActor(), id, ct)));
        incidents.MapPost("/{id}/severity", async (string id, SeverityBody body, ClaimsPrincipal user, IncidentDesk desk, CancellationToken ct) =>
            IncidentAnswer.Of(await desk.Reclassify(user.ToActor(), id, SignalBody.Read(body.Signals), body.Severity, body.Reason, ct)));
        incidents.MapPost("/{id}/notes", async (string id, NoteBody body, ClaimsPrincipal user, IncidentDesk desk, CancellationToken ct) =>
            Results.Json(IncidentAnswer.Of(await desk.AddNote(user.ToActor(), id, body.Text ?? "", ct)), DomainJson.Options, statusCode: 201));
        incidents.MapPost("/{id}/resolve", async (string id, ResolveBody? body, ClaimsPrincipal user, IncidentDesk desk, CancellationToken ct) =>
            IncidentAnswer.Of(await desk.Resolve(user.ToActor(), id, body?.Summary ?? "", ct)));
        incidents.MapPost("/{id}/close", async (string id, ClaimsPrincipal user, IncidentDesk desk, CancellationToken ct) => IncidentAnswer.Of(await desk.Close(user.ToActor(), id, ct)));
    }

    private static async Task<IResult> Declare(DeclareBody body, ClaimsPrincipal user, IncidentDesk desk, CancellationToken ct)
    {
        var incident = await desk.Declare(user.ToActor(), body.Title ?? "", body.Service ?? "", body.Environment ?? "", SignalBody.Read(body.Signals), body.Severity, ct);
        return Results.Created($"/api/v1/incidents/{incident.Id}", IncidentAnswer.Of(incident));
    }

    private static async Task<Page<IncidentAnswer>> List(ClaimsPrincipal user, IncidentRows rows, CancellationToken ct, string? status = null, string? after = null, int? limit = null)
    {
        user.ToActor().Require(Permission.See);
        if (status is not null && !Enum.TryParse<IncidentStatus>(status, ignoreCase: true, out _))
            throw new RefusedException(RefusalKind.Invalid, "status must be open, resolved or closed.", "status");
        int? before = after is null ? null : int.TryParse(after, out var n) ? n : throw new RefusedException(RefusalKind.Invalid, "after must be what the page before gave as next.", "after");
        var take = Paging.Limit(limit);
        var found = await rows.List(status?.ToLowerInvariant(), before, take, ct);
        return new([.. found.Select(IncidentAnswer.Of)], found.Count == take ? $"{found[^1].Number}" : null);
    }

    private static async Task<Page<TimelineRow>> TimelineOf(string id, ClaimsPrincipal user, IncidentDesk desk, Timeline timeline, CancellationToken ct, long after = 0, int? limit = null)
    {
        await desk.Get(user.ToActor(), id, ct);
        var take = Paging.Limit(limit);
        var rows = await timeline.Read(user.ToActor(), id, after, take, ct);
        return new(rows, rows.Count == take ? $"{rows[^1].Position}" : null);
    }
}
