using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;

namespace RollbackConsole.Engine.Tests.Simulation;

/// <summary>Looks at every event the moment it is appended, and says which invariant of the design it breaks.</summary>
internal sealed class InvariantWatch
{
    private readonly Dictionary<string, int> _started = new(StringComparer.Ordinal);
    private readonly HashSet<(string, int)> _finished = [];
    private readonly HashSet<string> _mayStartAgain = new(StringComparer.Ordinal);

    public List<string> Broken { get; } = [];

    /// <summary>How often each thing happened, to prove that the histories go where it hurts.</summary>
    public HashSet<string> Kinds { get; } = new(StringComparer.Ordinal);

    public void Saw(Run before, IEvent e, Run after, string? node)
    {
        Kinds.Add(e is RunFinished end ? $"finished {end.Outcome}" : e.GetType().Name);
        Hold(before.Status != RunStatus.Finished, "3: a finished run changed");
        // Only the node whose lease is the newest may move the run on.
        if (node is not null && e is not RunLeased) Hold(after.Node == node || e is RunHandedOver or RunFinished { Outcome: RunOutcome.Expired }, $"3: {node} appended {e.GetType().Name} to a run that {after.Node} holds");
        switch (e)
        {
            case RunLeased l:
                Hold(l.Epoch == before.Epoch + 1, "3: an epoch was left out or used twice");
                break;
            case StepStarted s:
                var step = after.Find(s.Step)!;
                Hold(after.ApprovedAt is not null && (after.Glass?.Digest == after.Digest || after.Requirements.Where(r => !r.AtEnd).All(r => after.Approvals.Count(a => a.Group == r.Group && a.Digest == after.Digest && a.By.Id != after.RequestedBy!.Id) >= r.Count)),
                    $"1: '{s.Step}' started without the approval of this digest");
                Hold(_started.GetValueOrDefault(s.Step) + 1 == s.Attempt, $"2: attempt {s.Attempt} of '{s.Step}' started out of turn");
                Hold(s.Attempt == 1 || step.Step.Effect == Effect.Idempotent || _mayStartAgain.Contains(s.Step), $"2: the once step '{s.Step}' started again without a person's word");
                Hold(step.Step.Needs.All(n => after.Find(n)!.LetsOthersGoOn), $"'{s.Step}' started before what it needs");
                Hold(after.Steps.Count(x => x.Status == StepStatus.Running) <= RunDecider.MostParallel, "more branches at once than can be watched");
                _started[s.Step] = s.Attempt;
                _mayStartAgain.Remove(s.Step);
                break;
            case StepFinished f:
                Hold(_finished.Add((f.Step, f.Attempt)), $"2: attempt {f.Attempt} of '{f.Step}' finished twice");
                break;
            case StepRetryOrdered r:
                _mayStartAgain.Add(r.Step);
                break;
            case StepInterrupted i when before.Find(i.Step)!.Probing:
                _mayStartAgain.Add(i.Step);
                break;
            case RunFinished f:
                Hold(after.Steps.All(x => x.Status != StepStatus.Running), "the run finished while a step ran");
                Hold(f.Outcome != RunOutcome.Succeeded || after.Steps.All(x => x.Status == StepStatus.Succeeded || x.LeftOutByPlan), "7: a run succeeded with a step that did not");
                break;
        }
    }

    public void Hold(bool holds, string invariant)
    {
        if (!holds) Broken.Add(invariant);
    }
}
