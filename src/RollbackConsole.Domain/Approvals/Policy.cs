using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Severity;

namespace RollbackConsole.Domain.Approvals;

/// <summary>How thoroughly a plan must verify its own result (mission row S0.16).</summary>
public enum ValidationLevel
{
    None,
    /// <summary>At least one check.</summary>
    Basic,
    /// <summary>A comparison of data and a check of the service itself.</summary>
    Comprehensive,
}

/// <summary>When a run may start, in UTC.</summary>
/// <param name="Days">Empty means every day; the day on which the window opens.</param>
/// <param name="To">Before or equal to <paramref name="From"/> means on the next day.</param>
public sealed record MaintenanceWindow(IReadOnlyList<DayOfWeek> Days, TimeOnly From, TimeOnly To)
{
    /// <summary>The first moment from <paramref name="at"/> on that lies in the window.</summary>
    public DateTimeOffset Next(DateTimeOffset at)
    {
        var utc = at.ToUniversalTime();
        var length = To > From ? To - From : To - From + TimeSpan.FromDays(To == From ? 1 : 0);
        for (var day = -1; day <= 7; day++)
        {
            var date = utc.Date.AddDays(day);
            if (Days.Count > 0 && !Days.Contains(date.DayOfWeek)) continue;
            var opens = new DateTimeOffset(date, TimeSpan.Zero) + From.ToTimeSpan();
            if (utc < opens + length) return utc > opens ? utc : opens;
        }
        throw new InvalidOperationException("A window with a day opens within a week.");
    }
}

/// <summary>What a rule looks at. Every list that is not empty must hold the fact; <c>!x</c> holds anything but x, <c>shop-*</c> what begins so.</summary>
public sealed record PolicyMatch(
    IReadOnlyList<string> Environments, IReadOnlyList<Level> Severities, IReadOnlyList<Risk> Risks, IReadOnlyList<string> Plans, IReadOnlyList<string> Services,
    IReadOnlyList<string> Tenants, IReadOnlyList<string> Industries, bool? Automatic, bool? Complex, bool? Known);

/// <summary>What a rule asks for when it matches.</summary>
/// <param name="Waives">Rules whose approvals are set aside, as <c>policy/rule</c>.</param>
/// <param name="Authority">The run needs somebody with the authority that the service's escalation gives to a level.</param>
/// <param name="Expires">How long a request, and what was approved, stays good.</param>
/// <param name="Audit">Signed checkpoints of the journal must be written outside the database.</param>
/// <param name="BackupFirst">A plan that destroys must first save, and what it saved is kept.</param>
/// <param name="Retain">How long the record of the run must be kept.</param>
/// <param name="Prefer">Ranks plans: <c>zero-downtime</c>, <c>canary</c>.</param>
/// <param name="Notify">Channels that are told when the run is asked for and when it ends.</param>
public sealed record PolicyDemand(
    IReadOnlyList<ApprovalRequirement> Approvals, IReadOnlyList<string> Waives, bool Authority, TimeSpan? Expires, MaintenanceWindow? Window, TimeSpan? MaximumTime,
    ValidationLevel Validation, bool? BreakGlass, TimeSpan? ReviewWithin, bool Audit, bool BackupFirst, TimeSpan? Retain, IReadOnlyList<string> Prefer, IReadOnlyList<string> Notify);

public sealed record PolicyRule(string Id, string Because, PolicyMatch When, PolicyDemand Require);

/// <summary>A document of rules about what a run needs.</summary>
public sealed record Policy(string Name, string Title, string Source, IReadOnlyList<PolicyRule> Rules)
{
    /// <summary>The policy that ships: a second person for everything outside development.</summary>
    public const string Default = "default";
}

/// <summary>What the rules look at.</summary>
/// <param name="Known">The catalog has an entry for the service.</param>
/// <param name="NoCheckpoints">Why no checkpoint of the journal can be written at present; null when they are.</param>
/// <param name="Automatic">The console itself asks.</param>
/// <param name="RequesterGroups">Groups and roles of whoever asks: authority that is there needs no further approval.</param>
/// <param name="Escalation">Where levels and their authority come from; null when nothing is known.</param>
public sealed record PolicyFacts(
    string Environment, Level Severity, Plan Plan, string Service, string? Tenant, string? Industry, bool DryRun, bool Automatic, IReadOnlyList<string> RequesterGroups, Escalation? Escalation, bool Known = true, string? NoCheckpoints = null)
{
    /// <summary>A rollback that takes the service down, or goes to the structure of the data, is not a standard one.</summary>
    public bool Complex => Plan.Risk == Risk.Structural || Plan.Downtime != "none";
}
