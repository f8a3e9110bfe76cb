using System.Security.Claims;
using System.Text.Json;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Engine.Approvals;
using RollbackConsole.Engine.Incidents;
using RollbackConsole.Engine.Runs;
using RollbackConsole.Web.Access;
using RollbackConsole.Web.Plans;
using RollbackConsole.Web.Runs;

namespace RollbackConsole.Web.Approvals;

public static class ApprovalEndpoints
{
    public sealed record DecisionBody(string? Decision, string? Group, string? Digest, string? Comment, IReadOnlyList<string>? Items = null, string? Reference = null);

    public sealed record GlassBody(string? Digest, string? Reason);

    public sealed record EmergencyBody(PlanPurpose? Purpose, string? Confirm, Dictionary<string, JsonElement>? Parameters, string? Reason);

    public sealed record FindingsBody(string? Findings);

    public static void MapApprovals(this IEndpointRouteBuilder api)
    {
        var runs = api.MapGroup("/runs/{id}").RequireAuthorization(nameof(Permission.See));
        runs.MapPost("/approvals", Approve);
        runs.MapPost("/claim", async (string id, ClaimsPrincipal user, ApprovalDesk approvals, CancellationToken ct) => RunAnswer.Of(await approvals.Claim(user.ToActor(), id, ct)));
        runs.MapPost("/break-glass", async (string id, GlassBody body, ClaimsPrincipal user, ApprovalDesk approvals, CancellationToken ct) =>
            RunAnswer.Of(await approvals.BreakGlass(user.ToActor(), id, body.Digest ?? "", body.Reason ?? "", ct)));
        runs.MapPost("/steps/{step}/approval", async (string id, string step, DecisionBody body, ClaimsPrincipal user, ApprovalDesk approvals, CancellationToken ct) =>
            RunAnswer.Of(await approvals.AnswerGate(user.ToActor(), id, step, Said(body.Decision), body.Comment ?? "", body.Items, body.Reference, ct)));
        var incidents = api.MapGroup("/incidents/{id}").RequireAuthorization(nameof(Permission.See));
        incidents.MapPost("/emergency", Emergency);
        incidents.MapPost("/reviews/{run}", async (string id, string run, FindingsBody body, ClaimsPrincipal user, IncidentDesk desk, CancellationToken ct) =>
        {
            var incident = await desk.Review(user.ToActor(), id, run, body.Findings ?? "", ct);
            return new { incident.Id, Reviews = incident.Reviews.Values.Select(r => new { r.Due.RunId, r.Due.DueAt, r.Due.Reason, By = r.Due.By.Name, ReviewedBy = r.Done?.By.Name, r.Done?.Findings }) };
        });
    }

    private static async Task<RunAnswer> Approve(string id, DecisionBody body, ClaimsPrincipal user, ApprovalDesk approvals, CancellationToken ct)
    {
        var approve = Said(body.Decision);
        if (string.IsNullOrEmpty(body.Digest)) throw new RefusedException(RefusalKind.Invalid, "Give the digest of what you looked at.", "digest");
        return RunAnswer.Of(await approvals.Decide(user.ToActor(), id, approve, body.Group, body.Digest, body.Comment ?? "", ct, body.Items, body.Reference));
    }

    private static bool Said(string? decision) => decision switch
    {
        "approve" => true,
        "reject" => false,
        _ => throw new RefusedException(RefusalKind.Invalid, "decision must be approve or reject.", "decision"),
    };

    private static async Task<IResult> Emergency(string id, EmergencyBody body, ClaimsPrincipal user, RunRequests requests, CancellationToken ct)
    {
        if (body.Purpose is not (PlanPurpose.Emergency or PlanPurpose.CircuitBreaker)) throw new RefusedException(RefusalKind.Invalid, "purpose must be emergency or circuitBreaker.", "purpose");
        var run = await requests.Emergency(user.ToActor(), id, body.Purpose.Value, body.Confirm ?? "", PlanEndpoints.Texts(body.Parameters), body.Reason ?? "", ct);
        return Results.Created($"/api/v1/runs/{run.Id}", RunAnswer.Of(run));
    }
}
