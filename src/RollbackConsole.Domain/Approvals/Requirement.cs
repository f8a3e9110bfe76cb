using RollbackConsole.Domain.Access;

namespace RollbackConsole.Domain.Approvals;

/// <summary>What a run needs from people before it may start, or before it may count as done.</summary>
/// <param name="Group">A role or a group that the approver must hold; also the name of the requirement.</param>
/// <param name="Count">How many different people.</param>
/// <param name="ExceptRequester">The person who asked does not count.</param>
/// <param name="OrGroups">Groups that stand above and may answer instead.</param>
/// <param name="Title">What the review is called; null when it is a plain approval.</param>
/// <param name="Checklist">Sentences that the approver ticks, all of them.</param>
/// <param name="NeedsReference">The number or link of a decision taken elsewhere, such as a regulator's, must be given.</param>
/// <param name="AtEnd">Asked after every step and check, instead of before the first step.</param>
public sealed record ApprovalRequirement(
    string Group, int Count, bool ExceptRequester, string Because, IReadOnlyList<string>? OrGroups = null, string? Title = null,
    IReadOnlyList<string>? Checklist = null, bool NeedsReference = false, bool AtEnd = false)
{
    /// <summary>May this actor answer, the other rules aside?</summary>
    /// <remarks>A role is given by an administrator; a group that a sign-on provider happens to call <c>approver</c> is none.</remarks>
    public bool IsFor(Actor by) => new[] { Group }.Concat(OrGroups ?? []).Any(g => (Role.All.Contains(g, StringComparer.Ordinal) ? by.Roles : by.Groups).Contains(g, StringComparer.Ordinal));

    [System.Text.Json.Serialization.JsonIgnore]
    public string Who => OrGroups is { Count: > 0 } ? $"{Group} (or {string.Join(", ", OrGroups)})" : Group;
}

/// <summary>Names exactly what would be executed. Whatever changes after asks for a new approval.</summary>
public static class RunDigest
{
    public static string Of(string planDigest, IReadOnlyDictionary<string, string> parameters, string service, string environment, bool dryRun) =>
        Library.Canonical.Digest(new System.Text.Json.Nodes.JsonObject
        {
            ["plan"] = planDigest,
            ["parameters"] = new System.Text.Json.Nodes.JsonObject(parameters.Select(p =>
                KeyValuePair.Create(p.Key, (System.Text.Json.Nodes.JsonNode?)System.Text.Json.Nodes.JsonValue.Create(p.Value)))),
            ["service"] = service,
            ["environment"] = environment,
            ["dryRun"] = dryRun,
        });
}
