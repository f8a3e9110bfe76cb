using System.Globalization;
using RollbackConsole.Domain.Library;

namespace RollbackConsole.Domain.Approvals;

/// <summary>What a rule asks for, in sentences that a commander can read.</summary>
public static class PolicyWords
{
    public static IEnumerable<string> Of(PolicyDemand d, PolicyFacts? facts = null)
    {
        foreach (var a in d.Approvals) yield return Of(a);
        foreach (var w in d.Waives) yield return $"sets aside the approvals of {w}, and its leave to start without them";
        if (d.Authority && facts is not null && !(facts.Escalation?.Levels ?? []).Any(l => l.Group is not null)) yield return "authority, but the escalation names no group, so nobody is held to it";
        else if (d.Authority) yield return facts is null ? "somebody with the authority of the escalation level" : $"authority for a {(facts.Complex ? "complex" : "standard")} rollback";
        if (d.MaximumTime is { } most) yield return $"at most {Duration.Format(most)} from approval to verified";
        if (d.Validation != ValidationLevel.None) yield return $"{d.Validation.ToString().ToLowerInvariant()} validation";
        if (d.Window is { } w2) yield return Of(w2);
        if (d.Expires is { } e) yield return $"answered and started within {Duration.Format(e)}";
        if (d.BreakGlass == true) yield return "may be started without approval in an emergency" + (d.ReviewWithin is { } r ? $", with a review within {Duration.Format(r)}" : "");
        if (d.BreakGlass == false) yield return "never without approval";
        if (d.Audit) yield return "signed checkpoints of the journal outside the database";
        if (d.BackupFirst) yield return "data saved before anything is destroyed, and kept";
        if (d.Retain is { } keep) yield return $"its record kept for {Duration.Format(keep)}";
        foreach (var p in d.Prefer) yield return $"prefers {p}";
        if (d.Notify.Count > 0) yield return $"tells {string.Join(", ", d.Notify)}";
    }

    public static string Of(ApprovalRequirement a) =>
        $"{(a.Title is null ? "approval" : a.Title)} by {a.Count.ToString(CultureInfo.InvariantCulture)} × {a.Who}" + (a.AtEnd ? " when everything is done" : "")
        + (a.Checklist is { Count: > 0 } list ? $", with {list.Count} points to tick" : "") + (a.NeedsReference ? ", with a reference" : "");

    public static string Of(MaintenanceWindow w) =>
        $"starts only from {w.From:HH\\:mm} to {w.To:HH\\:mm} UTC" + (w.Days.Count > 0 ? " on " + string.Join(", ", w.Days.Select(d => d.ToString()[..3])) : "");
}
