using System.Security.Claims;
using System.Text.Json;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Engine.Runs;
using RollbackConsole.Web.Access;
using RollbackConsole.Web.Plans;

namespace RollbackConsole.Web.Runs;

public static class RunEndpoints
{
    public sealed record RequestBody(string? Plan, int? Version, Dictionary<string, JsonElement>? Parameters, bool? DryRun, string? Reason);

    public sealed record ReasonBody(string? Reason);

    /// <param name="Attempt">The attempt that was looked at; when another one has run since, the answer is 409.</param>
    public sealed record StepBody(string? Reason, int? Attempt = null);

    public sealed record ConfirmBody(IReadOnlyList<string>? Items);

    public sealed record OutcomeBody(StepStatus? Outcome, string? Reason, int? Attempt = null);

    public static void MapRuns(this IEndpointRouteBuilder api)
    {
        api.MapPost("/incidents/{id}/runs", RequestRun).RequireAuthorization(nameof(Permission.See));
        var runs = api.MapGroup("/runs/{id}").RequireAuthorization(nameof(Permission.See));
        runs.MapGet("", async (string id, ClaimsPrincipal user, RunControl control, CancellationToken ct) => RunAnswer.Of(await control.Get(user.ToActor(), id, ct)));
        runs.MapGet("/preview", async (string id, ClaimsPrincipal user, RunControl control, CancellationToken ct) =>
        {
            var run = await control.Get(user.ToActor(), id, ct);
            return new { run.Id, run.Digest, Steps = await control.Preview(user.ToActor(), run, ct) };
        });
        runs.MapPost("/pause", async (string id, ReasonBody body, ClaimsPrincipal user, RunControl control, CancellationToken ct) => RunAnswer.Of(await control.Pause(user.ToActor(), id, body.Reason ?? "", ct)));
        runs.MapPost("/resume", async (string id, ReasonBody body, ClaimsPrincipal user, RunControl control, CancellationToken ct) => RunAnswer.Of(await control.Resume(user.ToActor(), id, body.Reason ?? "", ct)));
        runs.MapPost("/abort", async (string id, ReasonBody body, ClaimsPrincipal user, RunControl control, CancellationToken ct) => RunAnswer.Of(await control.Abort(user.ToActor(), id, body.Reason ?? "", ct)));
        runs.MapPost("/recover", async (string id, ReasonBody body, ClaimsPrincipal user, RunControl control, CancellationToken ct) => RunAnswer.Of(await control.Recover(user.ToActor(), id, body.Reason ?? "", ct)));
        var steps = runs.MapGroup("/steps/{step}");
        steps.MapPost("/retry", async (string id, string step, StepBody body, ClaimsPrincipal user, RunControl control, CancellationToken ct) => RunAnswer.Of(await control.Retry(user.ToActor(), id, step, body.Reason ?? "", body.Attempt, ct)));
        steps.MapPost("/skip", async (string id, string step, StepBody body, ClaimsPrincipal user, RunControl control, CancellationToken ct) => RunAnswer.Of(await control.Skip(user.ToActor(), id, step, body.Reason ?? "", body.Attempt, ct)));
        steps.MapPost("/confirm", async (string id, string step, ConfirmBody body, ClaimsPrincipal user, RunControl control, CancellationToken ct) => RunAnswer.Of(await control.Confirm(user.ToActor(), id, step, body.Items ?? [], ct)));
        steps.MapPost("/outcome", async (string id, string step, OutcomeBody body, ClaimsPrincipal user, RunControl control, CancellationToken ct) =>
            RunAnswer.Of(await control.Settle(user.ToActor(), id, step, body.Outcome ?? StepStatus.Unknown, body.Reason ?? "", body.Attempt, ct)));
    }

    private static async Task<IResult> RequestRun(string id, RequestBody body, ClaimsPrincipal user, RunRequests requests, CancellationToken ct)
    {
        if (string.IsNullOrEmpty(body.Plan)) throw new RefusedException(RefusalKind.Invalid, "Name the plan to run.", "plan");
        if (body.DryRun is not { } dryRun) throw new RefusedException(RefusalKind.Invalid, "Say dryRun: true or false; what really happens must be asked for.", "dryRun");
        var run = await requests.Request(user.ToActor(), id, body.Plan, body.Version, PlanEndpoints.Texts(body.Parameters), dryRun, body.Reason ?? "", ct);
        return Results.Created($"/api/v1/runs/{run.Id}", RunAnswer.Of(run));
    }
}
