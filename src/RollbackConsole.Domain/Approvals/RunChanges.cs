using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;

namespace RollbackConsole.Domain.Approvals;

/// <summary>What is different from the last run of the same plan in the same place: what an approver has not seen yet.</summary>
public static class RunChanges
{
    public static IReadOnlyList<string> Between(Run before, Run now)
    {
        var changes = new List<string>();
        if (before.PlanVersion != now.PlanVersion) changes.Add($"The plan is version {now.PlanVersion}; last time it was {before.PlanVersion}.");
        foreach (var name in before.Parameters.Keys.Union(now.Parameters.Keys, StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            var (was, isNow) = (before.Parameters.GetValueOrDefault(name), now.Parameters.GetValueOrDefault(name));
            if (was != isNow) changes.Add($"{name} is {Quoted(isNow)}; last time it was {Quoted(was)}.");
        }
        var old = All(before.Plan);
        var all = All(now.Plan);
        foreach (var (id, step) in all)
        {
            if (!old.TryGetValue(id, out var known)) changes.Add($"New step '{step.Title}' ({step.Uses}).");
            else if (known.Uses != step.Uses || known.With.ToJsonString() != step.With.ToJsonString()) changes.Add($"'{step.Title}' does something else than last time.");
            else if (known with { With = step.With, Needs = step.Needs, Undo = null, Probe = null } != step with { Undo = null, Probe = null } || !known.Needs.SequenceEqual(step.Needs, StringComparer.Ordinal))
                changes.Add($"'{step.Title}' has another order, time, effect or answer to a failure.");
        }
        changes.AddRange(old.Where(o => !all.ContainsKey(o.Key)).Select(o => $"The step '{o.Value.Title}' is gone."));
        return changes;
    }

    private static string Quoted(string? value) => value is null ? "not given" : $"'{value}'";

    private static Dictionary<string, PlanStep> All(Plan plan) =>
        plan.Steps.Concat(plan.Checks).Concat(plan.Recovery).Concat(plan.Emergency ?? []).Concat(plan.Steps.Select(s => s.Undo).OfType<PlanStep>()).ToDictionary(s => s.Id, StringComparer.Ordinal);
}
