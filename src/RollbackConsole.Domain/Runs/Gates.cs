using System.Text.Json.Nodes;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Approvals;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Plans;

namespace RollbackConsole.Domain.Runs;

/// <summary>Approvals in the middle of a run and at its end: steps of the kind <c>approval/gate</c>, answered by people.</summary>
public static class Gates
{
    public const string Kind = "approval/gate";

    /// <summary>What a gate asks for.</summary>
    public static ApprovalRequirement Requirement(PlanStep step) => new(
        Text(step, "group") ?? Role.Approver, int.TryParse(Text(step, "count"), out var count) ? count : 1, ExceptRequester: Text(step, "requester-counts") != "true",
        Text(step, "question") ?? step.Title, List(step, "or"), step.Title, List(step, "checklist"), Text(step, "reference") == "true");

    /// <summary>A requirement of the policy as a step that waits for everything else.</summary>
    public static PlanStep StepOf(ApprovalRequirement r, IReadOnlyList<string> needs)
    {
        var with = new JsonObject { ["group"] = r.Group, ["count"] = r.Count, ["question"] = r.Because, ["reference"] = r.NeedsReference, ["requester-counts"] = !r.ExceptRequester };
        if (r.OrGroups is { Count: > 0 } or) with["or"] = new JsonArray([.. or.Select(o => (JsonNode)o)]);
        if (r.Checklist is { Count: > 0 } list) with["checklist"] = new JsonArray([.. list.Select(o => (JsonNode)o)]);
        return new PlanStep($"policy-{r.Group}", r.Title ?? $"Approval by {r.Group}", Kind, with, needs, PlanReader.LongestTimeout, 1, TimeSpan.FromSeconds(5), Effect.Idempotent, OnFailure.Stop, null);
    }

    internal static Decision Answer(Run s, AnswerGate a)
    {
        if (s.Find(a.Step) is not { } found) return Decision.Refuse(RefusalKind.NotFound, $"This run has no step '{a.Step}'.");
        if (found.Status != StepStatus.Running || found.Step.Uses != Kind || found.Confirmed is not null) return Decision.Conflict($"The step '{a.Step}' is not waiting for an approval.");
        if (a.Comment.Length > RunDecider.LongestReason) return Decision.Refuse(RefusalKind.Invalid, $"The comment has {a.Comment.Length} characters; {RunDecider.LongestReason} are the most.", "comment");
        var requirement = Requirement(found.Step);
        if (Complaint(s, requirement, found.Answers.Select(x => x.By), a.By) is { } reason) return Decision.Refuse(RefusalKind.Forbidden, reason);
        var answer = new GateAnswered(a.Step, found.Attempt, a.Approve, requirement.Group, a.Comment, a.By.Person, a.At, a.Items, a.Reference?.Trim());
        if (!a.Approve)
            return string.IsNullOrWhiteSpace(a.Comment) ? Decision.Refuse(RefusalKind.Invalid, "Say why, so that the commander knows what to do.", "comment")
                : Decision.Accept(answer, new StepConfirmed(a.Step, found.Attempt, [], a.By.Person, a.At, a.Comment));
        if (Missing(requirement, a.Items, a.Reference) is { } missing) return missing;
        return found.Answers.Count + 1 < requirement.Count ? Decision.Accept(answer)
            : Decision.Accept(answer, new StepConfirmed(a.Step, found.Attempt, [.. found.Answers.Select(x => x.By.Name), a.By.Name], a.By.Person, a.At));
    }

    /// <summary>Why this actor cannot answer; null when they can. A person counts once in a run, whatever groups they hold.</summary>
    public static string? Complaint(Run s, ApprovalRequirement r, IEnumerable<Person> answered, Actor by) =>
        !r.IsFor(by) ? $"This approval is for {r.Who}."
        : r.ExceptRequester && s.RequestedBy?.IsSameHuman(by.Person) == true ? "Nobody approves their own request: another person has to look at it."
        : r.ExceptRequester && s.Glass?.By.IsSameHuman(by.Person) == true ? "Whoever started the run without approval does not approve it afterwards."
        : answered.Concat(s.Approvals.Select(a => a.By)).Concat(s.Steps.SelectMany(x => x.Answers).Select(a => a.By)).Any(p => p.IsSameHuman(by.Person))
            ? "You have approved this run already; another person has to fill the next approval." : null;

    /// <summary>A refusal that names the points that were not ticked, or the reference that is not there.</summary>
    internal static Decision? Missing(ApprovalRequirement r, IReadOnlyList<string>? items, string? reference)
    {
        var open = (r.Checklist ?? []).Except(items ?? [], StringComparer.Ordinal).ToList();
        if (open.Count > 0) return Decision.Refuse(RefusalKind.Invalid, $"Not ticked yet: {string.Join("; ", open)}.", "items");
        if (!r.NeedsReference) return null;
        return string.IsNullOrWhiteSpace(reference) ? Decision.Refuse(RefusalKind.Invalid, "Give the number or link of the decision that this approval rests on.", "reference")
            : reference.Length > 300 ? Decision.Refuse(RefusalKind.Invalid, $"The reference has {reference.Length} characters; 300 are the most.", "reference") : null;
    }

    private static string? Text(PlanStep step, string key) => step.With[key] is JsonValue v ? v.ToString() : null;

    private static List<string>? List(PlanStep step, string key) => step.With[key] is JsonArray items ? [.. items.Select(i => i?.ToString() ?? "")] : null;
}
