using RollbackConsole.Domain.Library;
using RollbackConsole.Domain.Severity;

namespace RollbackConsole.Domain.Plans;

/// <summary>What the past says about a plan.</summary>
/// <param name="LastSucceeded">The end of the last real run that succeeded: when the plan was last tested in earnest.</param>
/// <param name="MedianTook">The median length of real runs that succeeded.</param>
public sealed record PlanRecord(DateTimeOffset? LastSucceeded, DateTimeOffset? LastFailed, int Succeeded, int Failed, TimeSpan? MedianTook)
{
    public static readonly PlanRecord None = new(null, null, 0, 0, null);
}

/// <summary>What a proposal has to respect.</summary>
/// <param name="Limit">The longest rollback that is allowed, and by whom it is set.</param>
/// <param name="RollbackLevel">The level that the symptom asks for.</param>
public sealed record ProposalNeed(string Service, Level Severity, Advice Action, int? RollbackLevel, TimeSpan? Limit, string? LimitBy, IReadOnlyList<FiredRule> Rules);

/// <summary>What the policies in force say about a plan for this incident.</summary>
/// <param name="Block">Why it cannot be run under them; null when it can.</param>
public sealed record PolicyWord(string? Block, IReadOnlyList<string> Prefer)
{
    public static readonly PolicyWord None = new(null, []);
}

/// <summary>A plan that fits, and why.</summary>
/// <param name="Infeasible">Why it cannot meet the limit; null when it can, or when nothing limits it.</param>
public sealed record ProposedPlan(string Name, int Version, string Title, Risk Risk, int? Level, TimeSpan? Objective, string Downtime, IReadOnlyList<string> Why, string? Infeasible, PlanRecord Record, int Score);

/// <param name="Lead">What to do first, in one sentence.</param>
/// <param name="Alternative">What the matrix names instead of a rollback.</param>
public sealed record Proposal(string Lead, IReadOnlyList<ProposedPlan> Plans, string? Alternative);

/// <summary>Ranks the plans of the library for an incident.</summary>
public static class Proposals
{
    /// <summary>A plan that ran longer ago than this has to be trusted blindly.</summary>
    public static readonly TimeSpan Fresh = TimeSpan.FromDays(90);

    public static Proposal Of(ProposalNeed need, IEnumerable<(PlanVersion Version, PlanRecord Record, PolicyWord Policy)> plans, DateTimeOffset now)
    {
        var ranked = plans.Where(p => p.Version.Plan.Service is null || p.Version.Plan.Service == need.Service).Select(p => Rank(need, p.Version, p.Record, p.Policy, now))
            .OrderByDescending(p => p.Score).ThenBy(p => p.Objective ?? TimeSpan.MaxValue).ThenBy(p => p.Name, StringComparer.Ordinal).ToList();
        var alternative = need.Rules.Select(r => r.Alternative).FirstOrDefault(a => a is not null);
        return new Proposal(Lead(need, ranked), ranked, alternative ?? (need.Action == Advice.FixForward ? "Fix forward: the matrix prefers a fix to a rollback at this severity." : null));
    }

    private static ProposedPlan Rank(ProposalNeed need, PlanVersion version, PlanRecord record, PolicyWord policy, DateTimeOffset now)
    {
        var plan = version.Plan;
        var why = new List<string>();
        var score = 0;
        if (plan.Service == need.Service) { score += 100; why.Add($"written for {need.Service}"); }
        else why.Add("fits any service");
        if (policy.Prefer.Contains("zero-downtime", StringComparer.Ordinal) && plan.Downtime == "none") { score += 15; why.Add("no downtime, as the policy prefers"); }
        if (policy.Prefer.Contains("canary", StringComparer.Ordinal) && plan.Strategy == Strategy.Canary) { score += 15; why.Add("goes step by step (canary), as the policy prefers"); }
        if (plan.Purpose != PlanPurpose.Rollback) { score -= 60; why.Add("for an emergency"); }
        var infeasible = Infeasible(need, plan) ?? policy.Block;
        if (infeasible is not null) score -= 200;
        else if (plan.Objective is { } objective && need.Limit is { } limit) { score += 20; why.Add($"objective {Duration.Format(objective)} within {need.LimitBy}'s {Duration.Format(limit)}"); }
        if (need.RollbackLevel is { } level && plan.Level is { } own)
        {
            if (own == level) { score += 50; why.Add($"level {own} is what the symptom asks for"); }
            else if (own > level) { score += 10; why.Add($"level {own}: for when level {level} does not help"); }
            else { score -= 20; why.Add($"level {own} is below what the symptom asks for"); }
        }
        if (record.LastSucceeded is { } tested)
        {
            score += now - tested <= Fresh ? 20 : 10;
            why.Add(now - tested <= Fresh ? "worked lately" : "worked, but long ago");
        }
        else
        {
            why.Add("never run in earnest");
        }
        if (record.LastFailed is { } failed && failed > (record.LastSucceeded ?? DateTimeOffset.MinValue)) { score -= 40; why.Add("its last run failed"); }
        return new ProposedPlan(plan.Name, version.Version, plan.Title, plan.Risk, plan.Level, plan.Objective, plan.Downtime, why, infeasible, record, score);
    }

    private static string? Infeasible(ProposalNeed need, Plan plan)
    {
        if (need.Limit is not { } limit) return null;
        if (plan.Objective is { } objective && objective > limit) return $"It may take {Duration.Format(objective)}; {need.LimitBy} allows {Duration.Format(limit)}.";
        return plan.LongestDowntime is { } down && down > limit
            ? $"Its downtime may reach {Duration.Format(down)}; {need.LimitBy} allows {Duration.Format(limit)}." : null;
    }

    private static string Lead(ProposalNeed need, List<ProposedPlan> ranked) => ranked.Find(p => p.Infeasible is null) switch
    {
        null when ranked.Count == 0 => "No plan of the library is written for this service.",
        null => $"No plan can meet {need.LimitBy}'s limit of {Duration.Format(need.Limit!.Value)}. Whoever holds the authority has to weigh that.",
        var best => need.Action switch
        {
            Advice.RollBackNow => $"Roll back now: {best.Title}.",
            Advice.QuickFixThenRollBack => $"Try a quick fix; if it does not hold, roll back: {best.Title}.",
            Advice.WeighFixAgainstRollback => $"Weigh a fix against the rollback: {best.Title}.",
            _ => $"Fix forward; the rollback in reserve is: {best.Title}.",
        },
    };
}
