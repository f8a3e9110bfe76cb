using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Plans;

namespace RollbackConsole.Domain.Runs;

// How a run moves on by itself: which steps start, when it asks, recovers and ends.
public static partial class RunDecider
{
    /// <summary>What the engine should do next, from the state alone.</summary>
    private static List<IEvent> Continue(Run s, DateTimeOffset at)
    {
        var events = new List<IEvent>();
        var running = s.Steps.Count(x => x.Status == StepStatus.Running);
        if (s.Status == RunStatus.Aborting)
        {
            if (running == 0) events.Add(new RunFinished(RunOutcome.Aborted, AbortSummary(s), at));
            return events;
        }
        if (s.Status is not (RunStatus.Running or RunStatus.NeedsDecision)) return events;
        if (s.Steps.FirstOrDefault(x => x.Blocks) is { } blocked)
        {
            var blocks = s.Steps.Where(x => x.Blocks).ToList();
            // What was to put things right went wrong itself. Unknown is not wrong yet: a person looks first.
            if (running == 0 && s.Recovery is not null && s.Emergency is null && blocks.TrueForAll(x => x.Status is StepStatus.Failed or StepStatus.Error && x.Part is StepPart.Undo or StepPart.Recovery))
            {
                events.Add(new EmergencyStarted(blocked.Step.Id, $"'{blocked.Step.Title}' {Word(blocked.Status)} during the recovery: {blocked.Summary}", at));
                events.AddRange(Continue(Run.Apply(s, events[0]), at));
                return events;
            }
            // An unknown outcome is never undone unseen: a person looks first.
            if (running == 0 && s.Recovery is null && blocks.TrueForAll(x => x.Status is StepStatus.Failed or StepStatus.Error && x.Step.OnFailure == OnFailure.Recover))
            {
                events.Add(new RecoveryStarted(blocked.Step.Id, $"'{blocked.Step.Title}' {Word(blocked.Status)}: {blocked.Summary}", at));
                events.AddRange(Continue(Run.Apply(s, events[0]), at));
                return events;
            }
            // Branches that run may end; nothing new starts until a person has decided.
            if (running == 0 && s.Status != RunStatus.NeedsDecision)
                events.Add(new DecisionNeeded(blocked.Step.Id, $"'{blocked.Step.Title}' {Word(blocked.Status)}: {blocked.Summary}", at));
            return events;
        }
        var done = s.Steps.Where(x => x.LetsOthersGoOn).Select(x => x.Step.Id).ToHashSet(StringComparer.Ordinal);
        foreach (var step in s.Steps.Where(x => x.Status == StepStatus.Pending && x.Step.Needs.All(done.Contains)))
        {
            if (running >= MostParallel) break;
            if (step.NotBefore > at) continue;
            events.Add(new StepStarted(step.Step.Id, step.Attempt + 1, at));
            running++;
        }
        if (events.Count == 0 && s.Steps.All(x => x.Done)) events.Add(Finished(s, at));
        return events;
    }

    private static RunFinished Finished(Run s, DateTimeOffset at)
    {
        var bad = s.Steps.Where(x => x.Status != StepStatus.Succeeded && !x.LeftOutByPlan).ToList();
        if (s.Emergency is { } emergency)
        {
            var steps = s.Steps.Where(x => x.Part == StepPart.Emergency).ToList();
            return new RunFinished(RunOutcome.Failed, $"EMERGENCY: the recovery failed. {emergency.Because} " + (steps.Count == 0 ? "The plan has no emergency steps: people have to take over."
                : steps.TrueForAll(x => x.Status == StepStatus.Succeeded) ? $"All {steps.Count} emergency steps succeeded; people have to look at what is left."
                : $"The emergency procedure did not fully succeed, people have to take over: {Listed(steps.Where(x => x.Status != StepStatus.Succeeded))}."), at);
        }
        // Data that differs is never success, and never "partial" either, even when a person went past it.
        if (s.Steps.FirstOrDefault(x => x.IntegrityDiffers) is { } differs)
            return new RunFinished(RunOutcome.Failed, $"Data integrity differs ('{differs.Step.Title}'): {differs.Summary}", at);
        if (s.Recovery is { } recovery)
        {
            var recovered = s.Steps.Where(x => x.Part is StepPart.Undo or StepPart.Recovery).ToList();
            return new RunFinished(RunOutcome.Failed, $"{recovery.Because} " + (recovered.Count == 0 ? "There was nothing to undo and the plan has no recovery steps."
                : recovered.All(x => x.Status == StepStatus.Succeeded) ? $"All {recovered.Count} undo and recovery steps succeeded."
                : $"Recovery did not fully succeed: {Listed(recovered.Where(x => x.Status != StepStatus.Succeeded))}."), at);
        }
        if (bad.Count == 0) return new RunFinished(RunOutcome.Succeeded, (s.Steps.Count(x => x.LeftOutByPlan) is var leftOut and > 0 ? $"{s.Steps.Length - leftOut} steps succeeded, {leftOut} left out by the plan's own conditions." : $"All {s.Steps.Length} steps succeeded.")
            + (s.Plan.CheckSuite is { } suite ? $" The check suite '{suite}' is not in the library, so nothing else verified the result." : ""), at);
        return new RunFinished(RunOutcome.Partial,
            $"{s.Steps.Length - bad.Count} of {s.Steps.Length} steps succeeded; {Listed(bad)}.", at);
    }

    private static string Listed(IEnumerable<StepState> steps) => string.Join(", ", steps.Select(b => $"'{b.Step.Title}' {Word(b.Status)}"));

    private static string AbortSummary(Run s)
    {
        var done = s.Steps.Count(x => x.Status == StepStatus.Succeeded);
        return $"Aborted after {done} of {s.Steps.Length} steps."
            // What began and was interrupted, or waits for its next attempt, has touched its target as well.
            + Say("Ended in the middle, look at their targets", x => x.FirstStartedAt is not null && x.Status is StepStatus.Canceled or StepStatus.Unknown or StepStatus.Pending)
            + Say("Failed", x => x.Status is StepStatus.Failed or StepStatus.Error)
            + Say("Not done", x => x.FirstStartedAt is null && x.Status is StepStatus.Canceled or StepStatus.Pending);

        string Say(string what, Func<StepState, bool> which) => s.Steps.Where(which).Select(x => x.Step.Title).ToList() is { Count: > 0 } titles ? $" {what}: {string.Join(", ", titles)}." : "";
    }
}
