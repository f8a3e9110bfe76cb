using RollbackConsole.Domain.Library;
using RollbackConsole.Domain.Plans;

namespace RollbackConsole.Domain.Approvals;

/// <summary>Asks every rule of every policy about a run, and adds up what they say. The strictest word counts.</summary>
public static class PolicyEngine
{
    /// <summary>Holds when the library has no policy at all: nothing runs on one person's word because a file is missing.</summary>
    private static readonly PolicyVerdict Locked = PolicyVerdict.Free with
    {
        Approvals = [new(Access.Role.Approver, 1, ExceptRequester: true, "The library holds no policy; until it does, every run needs a second person.")],
    };

    /// <param name="kinds">The step kinds, to know what destroys and what saves.</param>
    public static PolicyVerdict Evaluate(IReadOnlyList<Policy> policies, PolicyFacts facts, IReadOnlyDictionary<string, StepKindSchema> kinds)
    {
        if (facts.DryRun) return PolicyVerdict.Free;
        if (policies.Count == 0) return Locked;
        var matching = policies.OrderBy(p => p.Name, StringComparer.Ordinal)
            .SelectMany(p => p.Rules.Where(r => Matches(r.When, facts)).Select(r => (Name: $"{p.Name}/{r.Id}", Rule: r))).ToList();
        // Nobody waives themselves, and what is waived itself waives nothing: two rules that waive each other both stand.
        var named = matching.SelectMany(m => m.Rule.Require.Waives.Where(w => w != m.Name).Select(w => (Waived: w, By: m.Name))).ToList();
        var waived = named.Where(w => !named.Exists(o => o.Waived == w.By)).ToLookup(w => w.Waived, w => w.By, StringComparer.Ordinal);
        var requirements = new List<ApprovalRequirement>();
        var reasons = new List<PolicyReason>();
        var blocks = new List<string>();
        foreach (var (name, rule) in matching)
        {
            var demand = rule.Require;
            var by = waived[name].FirstOrDefault();
            var asked = (by is null ? demand.Approvals : []).Select(a => a with { Because = rule.Because }).ToList();
            if (demand.Authority && Authority(facts, rule.Because) is { } authority) asked.Add(authority);
            foreach (var one in asked) Add(requirements, one);
            blocks.AddRange(Blocks(facts, demand, kinds).Select(b => $"{b} ({name})"));
            reasons.Add(new PolicyReason(name, rule.Because, [.. PolicyWords.Of(demand, facts)], by));
        }
        var all = matching.ConvertAll(m => m.Rule.Require);
        return new PolicyVerdict(requirements, Least(all, d => d.Expires), [.. all.Select(d => d.Window).OfType<MaintenanceWindow>().Distinct()], Least(all, d => d.MaximumTime),
            all.Count == 0 ? ValidationLevel.None : all.Max(d => d.Validation),
            // One rule must allow it, and none may forbid it. Whoever sets a rule's approvals aside has an agreement of their own: the leave to go without goes with them.
            matching.Exists(m => m.Rule.Require.BreakGlass == true && !waived[m.Name].Any()) && !all.Exists(d => d.BreakGlass == false), Least(all, d => d.ReviewWithin), all.Exists(d => d.Audit), Most(all, d => d.Retain),
            [.. all.SelectMany(d => d.Prefer).Distinct(StringComparer.Ordinal)], [.. all.SelectMany(d => d.Notify).Distinct(StringComparer.Ordinal)], reasons, blocks);
    }

    /// <summary>One requirement for each group and place: the larger count, and every item of every checklist.</summary>
    private static void Add(List<ApprovalRequirement> all, ApprovalRequirement next)
    {
        var at = all.FindIndex(a => a.Group == next.Group && a.AtEnd == next.AtEnd);
        if (at < 0)
        {
            all.Add(next);
            return;
        }
        var known = all[at];
        all[at] = known with
        {
            Count = Math.Max(known.Count, next.Count),
            ExceptRequester = known.ExceptRequester || next.ExceptRequester,
            Because = known.Because == next.Because ? known.Because : $"{known.Because} {next.Because}",
            Title = known.Title ?? next.Title,
            Checklist = [.. (known.Checklist ?? []).Concat(next.Checklist ?? []).Distinct(StringComparer.Ordinal)],
            NeedsReference = known.NeedsReference || next.NeedsReference,
            // Only who may stand in for both may stand in.
            OrGroups = [.. (known.OrGroups ?? []).Intersect(next.OrGroups ?? [], StringComparer.Ordinal)],
        };
    }

    /// <summary>The levels whose authority covers the run; null when whoever asks holds it, or the escalation names no group.</summary>
    private static ApprovalRequirement? Authority(PolicyFacts facts, string because)
    {
        var groups = (facts.Escalation?.Levels ?? []).Where(l => l.Group is not null && (!facts.Complex || l.May >= Incidents.RollbackAuthority.Complex)).Select(l => l.Group!).Distinct(StringComparer.Ordinal).ToList();
        if (groups.Count == 0 || groups.Intersect(facts.RequesterGroups, StringComparer.Ordinal).Any()) return null;
        return new ApprovalRequirement(groups[0], 1, ExceptRequester: true, because, groups.Count > 1 ? groups[1..] : null, "Authority of the escalation level");
    }

    private static IEnumerable<string> Blocks(PolicyFacts facts, PolicyDemand demand, IReadOnlyDictionary<string, StepKindSchema> kinds)
    {
        var plan = facts.Plan;
        if (demand.MaximumTime is { } most)
        {
            if (plan.Objective is not { } objective) yield return $"The plan names no objective, but a rollback may take {Duration.Format(most)} at most";
            else if (objective > most) yield return $"The plan may take {Duration.Format(objective)}; {Duration.Format(most)} is allowed";
            if (plan.LongestDowntime is { } down && down > most) yield return $"The plan's downtime may reach {Duration.Format(down)}; {Duration.Format(most)} is allowed";
        }
        if (demand.Validation >= ValidationLevel.Basic && plan.Checks.Count == 0) yield return "The plan has no checks, but its result has to be verified";
        if (demand.Validation >= ValidationLevel.Comprehensive && plan.Checks.Count > 0)
        {
            if (!plan.Checks.Any(c => kinds.GetValueOrDefault(c.Uses)?.ComparesData == true)) yield return "None of the plan's checks compares data, but comprehensive validation is asked for";
            if (!plan.Steps.Concat(plan.Checks).Any(c => kinds.GetValueOrDefault(c.Uses)?.ChecksService == true)) yield return "Nothing in the plan checks the service itself, but comprehensive validation is asked for";
        }
        if (demand.Audit && facts.NoCheckpoints is { } why) yield return $"The audit trail is not being kept outside the database: {why}";
        if (!demand.BackupFirst) yield break;
        foreach (var step in plan.Steps.Where(s => s.CanDestroy(kinds)))
            if (!Before(plan, step).Any(s => kinds.GetValueOrDefault(s.Uses)?.SavesData == true && s.If is null && s.OnFailure != OnFailure.Continue))
                yield return $"'{step.Title}' destroys before anything was surely saved, but data has to be kept";
    }

    /// <summary>The steps that must be done before a step.</summary>
    private static IEnumerable<PlanStep> Before(Plan plan, PlanStep step)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var open = new Stack<string>(step.Needs);
        while (open.TryPop(out var id))
        {
            if (!seen.Add(id) || plan.Steps.FirstOrDefault(s => s.Id == id) is not { } found) continue;
            yield return found;
            foreach (var need in found.Needs) open.Push(need);
        }
    }

    private static bool Matches(PolicyMatch m, PolicyFacts f) =>
        Holds(m.Environments, f.Environment) && Holds(m.Plans, f.Plan.Name) && Holds(m.Services, f.Service) && Holds(m.Tenants, f.Tenant) && Holds(m.Industries, f.Industry)
        && (m.Severities.Count == 0 || m.Severities.Contains(f.Severity)) && (m.Risks.Count == 0 || m.Risks.Contains(f.Plan.Risk))
        && (m.Automatic is null || m.Automatic == f.Automatic) && (m.Complex is null || m.Complex == f.Complex) && (m.Known is null || m.Known == f.Known);

    private static bool Holds(IReadOnlyList<string> patterns, string? fact)
    {
        if (patterns.Count == 0) return true;
        var not = patterns.Where(p => p[0] == '!').Select(p => p[1..]).ToList();
        var yes = patterns.Where(p => p[0] != '!').ToList();
        // What is not known is nobody's tenant; "anything but development" is true of it.
        if (fact is null) return yes.Count == 0;
        return !not.Exists(p => Fits(p, fact)) && (yes.Count == 0 || yes.Exists(p => Fits(p, fact)));
    }

    private static bool Fits(string pattern, string fact) =>
        pattern.EndsWith('*') ? fact.StartsWith(pattern[..^1], StringComparison.Ordinal) : string.Equals(pattern, fact, StringComparison.Ordinal);

    private static TimeSpan? Least(List<PolicyDemand> all, Func<PolicyDemand, TimeSpan?> of) => all.Select(of).Where(t => t is not null).DefaultIfEmpty(null).Min();

    private static TimeSpan? Most(List<PolicyDemand> all, Func<PolicyDemand, TimeSpan?> of) => all.Select(of).Where(t => t is not null).DefaultIfEmpty(null).Max();
}
