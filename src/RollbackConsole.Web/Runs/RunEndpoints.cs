using System.Security.Claims;
using System.Text.Json;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Approvals;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Engine.Incidents;
using RollbackConsole.Engine.Runs;
using RollbackConsole.Web.Access;
using RollbackConsole.Web.Plans;

namespace RollbackConsole.Web.Runs;

public static class RunEndpoints
{
    public sealed record RequestBody(string? Plan, int? Version, Dictionary<string, JsonElement>? Parameters, bool? DryRun, string? Reason);

    public sealed record DecisionBody(string? Decision, string? Group, string? Digest, string? Comment, IReadOnlyList<string>? Items = null, string? Reference = null);

    public sealed record GlassBody(string? Digest, string? Reason);

    public sealed record EmergencyBody(PlanPurpose? Purpose, string? Confirm, Dictionary<string, JsonElement>? Parameters, string? Reason);

    public sealed record FindingsBody(string? Findings);

    public sealed record ReasonBody(string? Reason);

    public sealed record ConfirmBody(IReadOnlyList<string>? Items);

    public sealed record OutcomeBody(StepStatus? Outcome, string? Reason);

    public sealed record StepAnswer(string Id, string Title, StepStatus Status, int Attempt, DateTimeOffset? StartedAt, DateTimeOffset? FinishedAt, int? ExitCode, string Summary);

    public sealed record GivenAnswer(string By, DateTimeOffset At, string Comment, IReadOnlyList<string>? Items, string? Reference);

    public sealed record ApprovalAnswer(string Group, int Count, string Because, IReadOnlyList<GivenAnswer> Given, string? Title, IReadOnlyList<string> OrGroups, IReadOnlyList<string> Checklist, bool NeedsReference, bool AtEnd);

    public sealed record PolicyAnswer(IReadOnlyList<PolicyReason> Reasons, bool BreakGlass, IReadOnlyList<string> Blocks, TimeSpan? MaximumTime, ValidationLevel Validation, bool Audit, TimeSpan? Retain, IReadOnlyList<string> Notify);

    public sealed record RunAnswer(
        string Id, string IncidentId, string Plan, int Version, RunStatus Status, RunOutcome? Outcome, string Summary, string Digest, bool DryRun, string Reason,
        IReadOnlyDictionary<string, string> Parameters, string RequestedBy, DateTimeOffset RequestedAt, DateTimeOffset? StartedAt, DateTimeOffset? FinishedAt,
        IReadOnlyList<StepAnswer> Steps, IReadOnlyList<ApprovalAnswer> Approvals, IReadOnlyList<StepAnswer> Checks, string? Node, int Epoch, PolicyAnswer Policy, DateTimeOffset? ExpiresAt, DateTimeOffset? NotBefore, string? ClaimedBy, string? StartedWithoutApprovalBy)
    {
        public static RunAnswer Of(Run r) => new(r.Id, r.IncidentId, r.Plan.Name, r.PlanVersion, r.Status, r.Outcome, r.Summary, r.Digest, r.DryRun, r.Reason, r.Parameters,
            r.RequestedBy!.Name, r.RequestedAt, r.StartedAt, r.FinishedAt,
            [.. r.Steps.Where(s => !s.IsCheck).Select(Step)],
            [.. r.Requirements.Select(q => new ApprovalAnswer(q.Group, q.Count, q.Because, [.. r.Approvals.Where(a => a.Group == q.Group).Select(a => new GivenAnswer(a.By.Name, a.At, a.Comment, a.Items, a.Reference))], q.Title, q.OrGroups ?? [], q.Checklist ?? [], q.NeedsReference, q.AtEnd))],
            [.. r.Steps.Where(s => s.IsCheck).Select(Step)], r.Node, r.Epoch,
            new PolicyAnswer(r.Policy.Reasons, r.Policy.BreakGlass, r.Policy.Blocks, r.Policy.MaximumTime, r.Policy.Validation, r.Policy.Audit, r.Policy.Retain, r.Policy.Notify),
            r.Status is RunStatus.AwaitingApproval or RunStatus.Queued ? r.ExpiresAt : null, r.NotBefore, r.Claim?.By.Name, r.Glass?.By.Name);

        private static StepAnswer Step(StepState s) => new(s.Step.Id, s.Step.Title, s.Status, s.Attempt, s.StartedAt, s.FinishedAt, s.ExitCode, s.Summary);
    }

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
        runs.MapPost("/approvals", Approve);
        runs.MapPost("/pause", async (string id, ReasonBody body, ClaimsPrincipal user, RunControl control, CancellationToken ct) => RunAnswer.Of(await control.Pause(user.ToActor(), id, body.Reason ?? "", ct)));
        runs.MapPost("/resume", async (string id, ReasonBody body, ClaimsPrincipal user, RunControl control, CancellationToken ct) => RunAnswer.Of(await control.Resume(user.ToActor(), id, body.Reason ?? "", ct)));
        runs.MapPost("/abort", async (string id, ReasonBody body, ClaimsPrincipal user, RunControl control, CancellationToken ct) => RunAnswer.Of(await control.Abort(user.ToActor(), id, body.Reason ?? "", ct)));
        runs.MapPost("/claim", async (string id, ClaimsPrincipal user, RunControl control, CancellationToken ct) => RunAnswer.Of(await control.Claim(user.ToActor(), id, ct)));
        runs.MapPost("/break-glass", async (string id, GlassBody body, ClaimsPrincipal user, RunControl control, CancellationToken ct) =>
            RunAnswer.Of(await control.BreakGlass(user.ToActor(), id, body.Digest ?? "", body.Reason ?? "", ct)));
        runs.MapPost("/recover", async (string id, ReasonBody body, ClaimsPrincipal user, RunControl control, CancellationToken ct) => RunAnswer.Of(await control.Recover(user.ToActor(), id, body.Reason ?? "", ct)));
        api.MapPost("/incidents/{id}/emergency", Emergency).RequireAuthorization(nameof(Permission.See));
        api.MapPost("/incidents/{id}/reviews/{run}", async (string id, string run, FindingsBody body, ClaimsPrincipal user, IncidentDesk desk, CancellationToken ct) =>
        {
            var incident = await desk.Review(user.ToActor(), id, run, body.Findings ?? "", ct);
            return new { incident.Id, Reviews = incident.Reviews.Values.Select(r => new { r.Due.RunId, r.Due.DueAt, r.Due.Reason, By = r.Due.By.Name, ReviewedBy = r.Done?.By.Name, r.Done?.Findings }) };
        }).RequireAuthorization(nameof(Permission.See));
        var steps = runs.MapGroup("/steps/{step}");
        steps.MapPost("/approval", async (string id, string step, DecisionBody body, ClaimsPrincipal user, RunControl control, CancellationToken ct) =>
            RunAnswer.Of(await control.AnswerGate(user.ToActor(), id, step, Said(body.Decision), body.Comment ?? "", body.Items, body.Reference, ct)));
        steps.MapPost("/retry", async (string id, string step, ReasonBody body, ClaimsPrincipal user, RunControl control, CancellationToken ct) => RunAnswer.Of(await control.Retry(user.ToActor(), id, step, body.Reason ?? "", ct)));
        steps.MapPost("/skip", async (string id, string step, ReasonBody body, ClaimsPrincipal user, RunControl control, CancellationToken ct) => RunAnswer.Of(await control.Skip(user.ToActor(), id, step, body.Reason ?? "", ct)));
        steps.MapPost("/confirm", async (string id, string step, ConfirmBody body, ClaimsPrincipal user, RunControl control, CancellationToken ct) => RunAnswer.Of(await control.Confirm(user.ToActor(), id, step, body.Items ?? [], ct)));
        steps.MapPost("/outcome", async (string id, string step, OutcomeBody body, ClaimsPrincipal user, RunControl control, CancellationToken ct) =>
            RunAnswer.Of(await control.Settle(user.ToActor(), id, step, body.Outcome ?? StepStatus.Unknown, body.Reason ?? "", ct)));
    }

    private static async Task<IResult> RequestRun(string id, RequestBody body, ClaimsPrincipal user, RunControl control, CancellationToken ct)
    {
        if (string.IsNullOrEmpty(body.Plan)) throw new RefusedException(RefusalKind.Invalid, "Name the plan to run.", "plan");
        if (body.DryRun is not { } dryRun) throw new RefusedException(RefusalKind.Invalid, "Say dryRun: true or false; what really happens must be asked for.", "dryRun");
        var run = await control.Request(user.ToActor(), id, body.Plan, body.Version, PlanEndpoints.Texts(body.Parameters), dryRun, body.Reason ?? "", ct);
        return Results.Created($"/api/v1/runs/{run.Id}", RunAnswer.Of(run));
    }

    private static async Task<RunAnswer> Approve(string id, DecisionBody body, ClaimsPrincipal user, RunControl control, CancellationToken ct)
    {
        var approve = Said(body.Decision);
        if (string.IsNullOrEmpty(body.Digest)) throw new RefusedException(RefusalKind.Invalid, "Give the digest of what you looked at.", "digest");
        return RunAnswer.Of(await control.Decide(user.ToActor(), id, approve, body.Group, body.Digest, body.Comment ?? "", ct, body.Items, body.Reference));
    }

    private static bool Said(string? decision) => decision switch
    {
        "approve" => true,
        "reject" => false,
        _ => throw new RefusedException(RefusalKind.Invalid, "decision must be approve or reject.", "decision"),
    };

    private static async Task<IResult> Emergency(string id, EmergencyBody body, ClaimsPrincipal user, RunControl control, CancellationToken ct)
    {
        if (body.Purpose is not (PlanPurpose.Emergency or PlanPurpose.CircuitBreaker)) throw new RefusedException(RefusalKind.Invalid, "purpose must be emergency or circuitBreaker.", "purpose");
        var run = await control.Emergency(user.ToActor(), id, body.Purpose.Value, body.Confirm ?? "", PlanEndpoints.Texts(body.Parameters), body.Reason ?? "", ct);
        return Results.Created($"/api/v1/runs/{run.Id}", RunAnswer.Of(run));
    }
}
