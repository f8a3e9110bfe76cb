namespace RollbackConsole.Domain.Approvals;

/// <summary>A rule that had a say, and what it asked for, in words.</summary>
/// <param name="Rule"><c>policy/rule</c>.</param>
/// <param name="WaivedBy">Another rule set the approvals of this one aside.</param>
public sealed record PolicyReason(string Rule, string Because, IReadOnlyList<string> Asks, string? WaivedBy = null);

/// <summary>Everything that the policies in force ask of one run, and which rule asked.</summary>
/// <param name="NotBefore">The next moment at which every maintenance window is open; null when none limits the run, or all are open.</param>
/// <param name="Blocks">Why this plan cannot be run under these policies at all; empty when it can.</param>
public sealed record PolicyVerdict(
    IReadOnlyList<ApprovalRequirement> Approvals, TimeSpan? Expires, IReadOnlyList<MaintenanceWindow> Windows, TimeSpan? MaximumTime, ValidationLevel Validation,
    bool BreakGlass, TimeSpan? ReviewWithin, bool Audit, TimeSpan? Retain, IReadOnlyList<string> Prefer, IReadOnlyList<string> Notify,
    IReadOnlyList<PolicyReason> Reasons, IReadOnlyList<string> Blocks)
{
    /// <summary>Nothing is asked for: dry runs.</summary>
    public static readonly PolicyVerdict Free = new([], null, [], null, ValidationLevel.None, false, null, false, null, [], [], [], []);

    /// <summary>The first moment from <paramref name="at"/> on at which every window is open.</summary>
    public DateTimeOffset Opens(DateTimeOffset at)
    {
        // Windows that never meet are never open; the run waits, says for when, and is looked at again then.
        for (var tries = 0; tries < 30; tries++)
        {
            var next = Windows.Select(w => w.Next(at)).DefaultIfEmpty(at).Max();
            if (next == at) return at;
            at = next;
        }
        return at;
    }

    /// <summary>Do two verdicts ask the same of people? What was approved under one is good under the other.</summary>
    public bool Same(PolicyVerdict other) => Journal.DomainJson.Text(this) == Journal.DomainJson.Text(other);
}
