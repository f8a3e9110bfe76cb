using RollbackConsole.Domain.Approvals;
using RollbackConsole.Domain.Runs;

namespace RollbackConsole.Web.Runs;

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
