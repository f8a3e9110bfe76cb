using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Library;

namespace RollbackConsole.Domain.Approvals;

/// <summary>What a run needs before it may start.</summary>
/// <param name="Group">A role or a group that the approver must hold.</param>
/// <param name="Count">How many different people.</param>
/// <param name="ExceptRequester">The person who asked does not count.</param>
public sealed record ApprovalRequirement(string Group, int Count, bool ExceptRequester, string Because);

/// <summary>The policy that ships: one approver other than the requester, outside development, unless the run is a dry run.</summary>
public static class DefaultPolicy
{
    public static IReadOnlyList<ApprovalRequirement> For(string environment, bool dryRun) =>
        dryRun || environment == "development"
            ? []
            : [new(Role.Approver, 1, ExceptRequester: true, $"Every run in {environment} that is not a dry run needs one approver other than the person who asked.")];
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
