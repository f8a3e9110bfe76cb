using System.Security.Claims;
using System.Text.Json;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Engine.Access;
using RollbackConsole.Engine.Catalog;
using RollbackConsole.Engine.Incidents;
using RollbackConsole.Engine.Journal;
using RollbackConsole.Store.Communication;
using RollbackConsole.Store.Incidents;
using RollbackConsole.Store.Signals;
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

    /// <param name="To">The name of the account that gets command; the caller when it is left out.</param>
    public sealed record CommanderBody(string? To);

    /// <param name="Holder">The name of an account; the caller when it is left out. Empty lays the role down.</param>
    public sealed record RoleBody(IncidentRole? Role, string? Holder);

    /// <param name="Hold">For <c>hold</c>: how long, such as <c>10m</c>.</param>
    public sealed record DecisionBody(Choice? Choice, string? Reason, TimeSpan? Hold);

    public sealed record ItemBody(ItemList? List, string? Item, string? Text);

    public sealed record PinBody(long? Position, bool? Pinned);

    public sealed record IncidentAnswer(
        string Id, int Number, string Title, string Service, string Environment, Level Severity, Advice Action, DateTimeOffset DecideBy,
        DateTimeOffset? DecidedAt, Choice? Decision, bool Overdue, IncidentStatus Status, string? Commander, int Level, string? AcknowledgedBy,
        DateTimeOffset DeclaredAt, DateTimeOffset? ResolvedAt, IReadOnlyList<string> Warnings)
    {
        public static IncidentAnswer Of(Incident i, params IReadOnlyList<string> warnings) => new(i.Id, i.Number, i.Title, i.Service, i.Environment, i.Severity, i.Action, i.DecideBy, i.DecidedAt,
            i.Decision?.Choice, i.OverdueAt is not null, i.Status, i.Commander?.Name, i.LevelReached, i.Acknowledged?.By.Name, i.DeclaredAt, i.ResolvedAt, warnings);

        public static IncidentAnswer Of(IncidentRow i) => new(i.Id, i.Number, i.Title, i.Service, i.Environment, i.Severity, i.Action, i.DecideBy, i.DecidedAt,
            i.Decision, i.Overdue, i.Status, i.Commander, i.Level, i.AcknowledgedBy, i.DeclaredAt, i.ResolvedAt, []);
    }

    public static void MapIncidents(this IEndpointRouteBuilder api)
    {
        var incidents = api.MapGroup("/incidents").RequireAuthorization(nameof(Permission.See));
        incidents.MapPost("", Declare);
        incidents.MapGet("", List);
        incidents.MapGet("/{id}", async (string id, ClaimsPrincipal user, IncidentDesk desk, CancellationToken ct) => IncidentAnswer.Of(await desk.Get(user.ToActor(), id, ct)));
        incidents.MapGet("/{id}/timeline", TimelineOf);
        incidents.MapGet("/{id}/proposal", async (string id, ClaimsPrincipal user, IncidentDesk desk, ProposalDesk proposals, CancellationToken ct) =>
            await proposals.For(user.ToActor(), await desk.Get(user.ToActor(), id, ct), ct));
        incidents.MapGet("/{id}/alerts", async (string id, ClaimsPrincipal user, IncidentDesk desk, AlertRows alerts, CancellationToken ct, string? after = null, int? limit = null) =>
        {
            await desk.Get(user.ToActor(), id, ct);
            var (from, take) = (Paging.Offset(after), Paging.Limit(limit));
            var rows = await alerts.OfIncident(id, take, from, ct);
            return new Page<AlertRow>(rows, rows.Count == take ? $"{from + take}" : null);
        });
        incidents.MapGet("/{id}/deliveries", async (string id, ClaimsPrincipal user, IncidentDesk desk, Outbox outbox, CancellationToken ct, string? after = null, int? limit = null) =>
        {
            await desk.Get(user.ToActor(), id, ct);
            var (from, take) = (Paging.Offset(after), Paging.Limit(limit));
            var rows = (await outbox.OfIncident(id, take, from, ct)).ConvertAll(d => new { d.Id, d.Contact, d.Channel, d.Status, d.Attempts, d.LastError, d.CreatedAt, d.FinishedAt });
            return new Page<object>([.. rows], rows.Count == take ? $"{from + take}" : null);
        });
        incidents.MapPost("/{id}/commander", async (string id, CommanderBody? body, ClaimsPrincipal user, IncidentDesk desk, Accounts accounts, CancellationToken ct) => IncidentAnswer.Of(
            body?.To is { } to ? await desk.HandOver(user.ToActor(), id, await accounts.Person(to, Permission.Command, "to", ct), ct) : await desk.TakeCommand(user.ToActor(), id, ct)));
        incidents.MapPost("/{id}/roles", async (string id, RoleBody body, ClaimsPrincipal user, IncidentDesk desk, Accounts accounts, CancellationToken ct) => IncidentAnswer.Of(await desk.Assign(
            user.ToActor(), id, body.Role ?? throw Missing("role"), body.Holder switch { null => user.ToActor().Person, "" => null, var name => await accounts.Person(name, Permission.Respond, "holder", ct) }, ct)));
        incidents.MapPost("/{id}/severity", async (string id, SeverityBody body, ClaimsPrincipal user, IncidentDesk desk, CancellationToken ct) =>
            IncidentAnswer.Of(await desk.Reclassify(user.ToActor(), id, SignalBody.Read(body.Signals), body.Severity, body.Reason, ct)));
        incidents.MapPost("/{id}/decision", async (string id, DecisionBody body, ClaimsPrincipal user, IncidentDesk desk, CancellationToken ct) =>
            IncidentAnswer.Of(await desk.Decide(user.ToActor(), id, body.Choice ?? throw Missing("choice"), body.Reason ?? "", body.Hold, ct)));
        incidents.MapPost("/{id}/acknowledge", async (string id, ClaimsPrincipal user, IncidentDesk desk, CancellationToken ct) => IncidentAnswer.Of(await desk.Acknowledge(user.ToActor(), id, ct)));
        incidents.MapPost("/{id}/symptom-gone", async (string id, SeverityBody body, ClaimsPrincipal user, IncidentDesk desk, CancellationToken ct) => IncidentAnswer.Of(await desk.MarkSymptomGone(user.ToActor(), id, body.Reason ?? "", ct)));
        incidents.MapPost("/{id}/items", async (string id, ItemBody body, ClaimsPrincipal user, IncidentDesk desk, CancellationToken ct) =>
            IncidentAnswer.Of(await desk.Check(user.ToActor(), id, body.List ?? throw Missing("list"), body.Item ?? "", body.Text ?? "", ct)));
        incidents.MapPost("/{id}/pins", async (string id, PinBody body, ClaimsPrincipal user, IncidentDesk desk, CancellationToken ct) =>
            IncidentAnswer.Of(await desk.Pin(user.ToActor(), id, body.Position ?? throw Missing("position"), body.Pinned ?? true, ct)));
        incidents.MapPost("/{id}/notes", async (string id, NoteBody body, ClaimsPrincipal user, IncidentDesk desk, CancellationToken ct) =>
            Results.Json(IncidentAnswer.Of(await desk.AddNote(user.ToActor(), id, body.Text ?? "", ct)), DomainJson.Options, statusCode: 201));
        incidents.MapPost("/{id}/resolve", async (string id, ResolveBody? body, ClaimsPrincipal user, IncidentDesk desk, CancellationToken ct) =>
            IncidentAnswer.Of(await desk.Resolve(user.ToActor(), id, body?.Summary ?? "", ct)));
        incidents.MapPost("/{id}/close", async (string id, ClaimsPrincipal user, IncidentDesk desk, CancellationToken ct) => IncidentAnswer.Of(await desk.Close(user.ToActor(), id, ct)));
    }

    private static async Task<IResult> Declare(DeclareBody body, ClaimsPrincipal user, IncidentDesk desk, CatalogDesk catalog, CancellationToken ct)
    {
        var incident = await desk.Declare(user.ToActor(), body.Title ?? "", body.Service ?? "", body.Environment ?? "", SignalBody.Read(body.Signals), body.Severity, ct);
        var warning = await catalog.Warning(incident.Service, incident.Environment, ct);
        return Results.Created($"/api/v1/incidents/{incident.Id}", IncidentAnswer.Of(incident, warning is null ? [] : [warning]));
    }

    private static async Task<Page<IncidentAnswer>> List(ClaimsPrincipal user, IncidentRows rows, TenantWall wall, CancellationToken ct, string? status = null, string? after = null, int? limit = null)
    {
        user.ToActor().Require(Permission.See);
        if (status is not null && !Enum.TryParse<IncidentStatus>(status, ignoreCase: true, out _))
            throw new RefusedException(RefusalKind.Invalid, "status must be open, resolved or closed.", "status");
        int? before = after is null ? null : int.TryParse(after, out var n) ? n : throw new RefusedException(RefusalKind.Invalid, "after must be what the page before gave as next.", "after");
        var take = Paging.Limit(limit);
        var found = await rows.List(status?.ToLowerInvariant(), before, take, ct);
        return new([.. (await wall.Visible(user.ToActor(), found, r => r.Service, ct)).Select(IncidentAnswer.Of)], found.Count == take ? $"{found[^1].Number}" : null);
    }

    private static async Task<Page<TimelineRow>> TimelineOf(string id, ClaimsPrincipal user, IncidentDesk desk, Timeline timeline, CancellationToken ct, long after = 0, int? limit = null)
    {
        await desk.Get(user.ToActor(), id, ct);
        var take = Paging.Limit(limit);
        var rows = await timeline.Read(user.ToActor(), id, after, take, ct);
        return new(rows, rows.Count == take ? $"{rows[^1].Position}" : null);
    }

    private static RefusedException Missing(string field) => new(RefusalKind.Invalid, $"'{field}' is missing.", field);
}
