using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Approvals;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Plans;

namespace RollbackConsole.Domain.Runs;

/// <summary>Which command is legal in which state of a run, and what it makes happen.</summary>
public static partial class RunDecider
{
    /// <summary>Steps of one run that may run at once: a rollback that does more in parallel cannot be watched.</summary>
    public const int MostParallel = 8;

    /// <summary>A claim is a courtesy; somebody who looked away must not hold up the others.</summary>
    public static readonly TimeSpan ClaimLasts = TimeSpan.FromMinutes(5);

    /// <summary>When a policy allows to go without approval and names no time for the review.</summary>
    public static readonly TimeSpan LongestReview = TimeSpan.FromHours(24);

    /// <summary>Characters of a reason or comment.</summary>
    public const int LongestReason = 2000;

    public static Decision Decide(Run s, RunCommand command) => command switch
    {
        RequestRun when s.Exists => Decision.Conflict("This run was requested already."),
        RequestRun r => Request(r),
        _ when !s.Exists => Decision.Refuse(RefusalKind.NotFound, "There is no such run."),
        _ when s.Status == RunStatus.Finished => Decision.Conflict($"This run is finished ({Word(s.Outcome)}); a finished run never changes."),
        DecideApproval d => Approval(s, d),
        RefreshPolicy p => Decision.Accept(Refreshed(s, p)),
        ClaimApproval c => Claim(s, c),
        BreakGlass b => Break(s, b),
        ExpireRun x => Expire(s, x),
        CallOffRun c => CallOff(s, c),
        RecoverRun r => Recover(s, r),
        AnswerGate a => Gates.Answer(s, a),
        PauseRun p => s.Status is RunStatus.Running or RunStatus.Queued or RunStatus.NeedsDecision
            ? Because(p.Reason, new RunPaused(p.Reason, p.By, p.At)) : NotNow(s, "paused"),
        ResumeRun r => s.Status == RunStatus.Paused ? Because(r.Reason, [new RunResumed(r.Reason, r.By, r.At)]) : NotNow(s, "resumed"),
        AbortRun a => Abort(s, a),
        RetryStep r => OnBlocked(s, r.Step, r.Attempt, r.Reason, "retried", false, new StepRetryOrdered(r.Step, r.Reason, r.By, r.At)),
        SkipStep k => OnBlocked(s, k.Step, k.Attempt, k.Reason, "skipped", true, new StepSkipped(k.Step, k.Reason, k.By, k.At)),
        SettleOutcome o => Settle(s, o),
        ConfirmStep c => Confirm(s, c),
        LeaseRun l => Lease(s, l),
        EngineCommand e when e.Epoch != s.Epoch || s.Epoch == 0 => Decision.Conflict($"The lease under epoch {e.Epoch} is over; epoch {s.Epoch} holds this run."),
        AdvanceRun a => Decision.Accept(Continue(s, a.At)),
        FinishStep f => Finish(s, f),
        FinishProbe p => Probed(s, p),
        HandOver h => s.Steps.Any(x => x.Status == StepStatus.Running) ? Decision.Conflict("A step is still running.") : Decision.Accept(new RunHandedOver(s.Node ?? "", h.Epoch, h.At)),
        _ => throw new InvalidOperationException($"Unknown command {command.GetType().Name}."),
    };

    private static Decision Request(RequestRun r)
    {
        if (Reason(r.Reason) is { } bad) return bad;
        var (values, refusal) = ParameterValues.Bind(r.Plan.Plan, r.Parameters);
        if (refusal is not null) return Decision.Refuse(refusal.Kind, refusal.Reason, refusal.Field);
        var digest = RunDigest.Of(r.Plan.Digest, values, r.Service, r.Environment, r.DryRun);
        if (r.Policy.Blocks.Count > 0) return Decision.Conflict($"The policy does not let this plan run here: {string.Join("; ", r.Policy.Blocks)}.");
        var requirements = r.Policy.Approvals;
        var requested = new RunRequested(r.Id, r.IncidentId, r.Plan.Plan, r.Plan.Version, r.Plan.Digest, r.Service, r.Environment,
            values, r.DryRun, r.Reason, digest, requirements, r.By, r.At, r.Policy, r.RequesterGroups);
        return requirements.All(a => a.AtEnd) ? Decision.Accept(requested, Queued(r.Policy, r.At)) : Decision.Accept(requested);
    }

    private static Decision Recover(Run s, RecoverRun r)
    {
        if (s.Status != RunStatus.NeedsDecision) return NotNow(s, "recovered");
        if (s.Recovery is not null) return Decision.Conflict("The run is recovering already.");
        if (s.Steps.FirstOrDefault(x => x.Status == StepStatus.Unknown && x.Blocks) is { } unknown)
            return Decision.Conflict($"Nobody knows whether '{unknown.Step.Title}' happened; settle that first, so that nothing is undone that never was done.");
        if (s.Steps.Any(x => x.Status == StepStatus.Running)) return Decision.Conflict("A step is still running; wait for its end.");
        var blocked = s.Steps.First(x => x.Blocks);
        return Because(r.Reason, new RecoveryStarted(blocked.Step.Id, $"{r.By.Name} ordered it: {r.Reason}", r.At, r.By));
    }

    private static Decision Abort(Run s, AbortRun a)
    {
        if (Reason(a.Reason) is { } bad) return bad;
        if (s.Status == RunStatus.Aborting) return Decision.Conflict("This run is being aborted already.");
        var requested = new AbortRequested(a.Reason, a.By, a.At);
        // Nobody holds the run yet: it ends here and now.
        if (s.Epoch == 0)
            return Decision.Accept(requested, new RunFinished(RunOutcome.Aborted, $"Aborted by {a.By.Name} before it started: {a.Reason}", a.At));
        return Decision.Accept(requested);
    }

    private static Decision OnBlocked(Run s, string step, int? attempt, string reason, string word, bool alsoPending, IEvent e)
    {
        if (s.Status == RunStatus.AwaitingApproval) return NotNow(s, word);
        if (s.Find(step) is not { } found) return Decision.Refuse(RefusalKind.NotFound, $"This run has no step '{step}'.");
        if (s.Status == RunStatus.Aborting) return Decision.Conflict("This run is being aborted.");
        if (Older(found, attempt) is { } older) return older;
        if (e is StepSkipped && found.Step.Uses == Gates.Kind) return Decision.Refuse(RefusalKind.Forbidden, $"'{step}' is an approval; nobody skips what others have to answer. Abort the run, or recover.");
        if (!found.Blocks && !(alsoPending && found.Status == StepStatus.Pending))
            return Decision.Conflict($"The step '{step}' is {Word(found.Status)}; it cannot be {word} now.");
        return Because(reason, e);
    }

    private static Decision Settle(Run s, SettleOutcome o)
    {
        if (s.Find(o.Step) is not { } found) return Decision.Refuse(RefusalKind.NotFound, $"This run has no step '{o.Step}'.");
        if (found.Step.Uses == Gates.Kind) return Decision.Refuse(RefusalKind.Forbidden, $"'{o.Step}' is an approval; retry it, so that it is answered.");
        if (Older(found, o.Attempt) is { } older) return older;
        if (found.Status != StepStatus.Unknown) return Decision.Conflict($"The outcome of '{o.Step}' is not unknown: it {Word(found.Status)}.");
        if (o.Status is not (StepStatus.Succeeded or StepStatus.Failed))
            return Decision.Refuse(RefusalKind.Invalid, "An unknown outcome is settled as succeeded or failed.", "outcome");
        return Because(o.Reason, new StepOutcomeSettled(o.Step, o.Status, o.Reason, o.By, o.At));
    }

    /// <summary>Two people decide at once: the second one's word was about an attempt that the first one's word has ended.</summary>
    private static Decision? Older(StepState found, int? seen) => seen is { } attempt && attempt != found.Attempt
        ? Decision.Conflict($"'{found.Step.Title}' is at attempt {found.Attempt} by now; what you decided on was attempt {attempt}. Look at it again.") : null;

    private static Decision Confirm(Run s, ConfirmStep c)
    {
        if (s.Find(c.Step) is not { } found) return Decision.Refuse(RefusalKind.NotFound, $"This run has no step '{c.Step}'.");
        if (found.Status != StepStatus.Running || found.Step.Uses != "confirm/checklist")
            return Decision.Conflict($"The step '{c.Step}' is not waiting for a confirmation.");
        if (found.Confirmed is { By: var who }) return Decision.Conflict($"{who.Name} has confirmed '{c.Step}' already.");
        var missing = ChecklistItems(found.Step).Except(c.Items, StringComparer.Ordinal).ToList();
        return missing.Count > 0
            ? Decision.Refuse(RefusalKind.Invalid, $"Not ticked yet: {string.Join("; ", missing)}.", "items")
            : Decision.Accept(new StepConfirmed(c.Step, found.Attempt, c.Items, c.By, c.At));
    }

    /// <summary>The items that a checklist step asks to be ticked.</summary>
    public static IReadOnlyList<string> ChecklistItems(PlanStep step) =>
        step.With["items"] is System.Text.Json.Nodes.JsonArray items ? [.. items.Select(i => i?.ToString() ?? "")] : [];

    private static Decision Lease(Run s, LeaseRun l)
    {
        if (!s.Live) return Decision.Conflict($"This run is {Word(s.Status)}; there is nothing to run.");
        if (s.Epoch == 0)
        {
            // Nothing has begun: whatever spoke against beginning is looked at once more, at this moment.
            if (s.Status == RunStatus.Paused) return Decision.Conflict("This run is paused and has not begun.");
            if (s.NotBefore > l.At) return Decision.Conflict($"The maintenance window opens at {s.NotBefore:yyyy-MM-dd HH:mm} UTC.");
            if (s.Glass is null && s.Policy.Opens(l.At) > l.At) return Decision.Conflict("The maintenance window has closed.");
            if (s.ExpiresAt <= l.At) return Decision.Conflict("The approval is too old; nothing has begun in its time.");
        }
        var events = new List<IEvent> { new RunLeased(l.Node, s.Epoch + 1, l.At) { Host = l.Host } };
        foreach (var step in s.Steps.Where(x => x.Status == StepStatus.Running))
        {
            // On the machine where it ran, whatever was left of it has been ended before anybody asks; elsewhere it may still be at work.
            events.Add(l.Probes?.TryGetValue(step.Step.Id, out var certain) == true
                ? new StepProbeStarted(step.Step.Id, step.Attempt, l.At) { Certain = certain || (l.Host is not null && l.Host == s.Host) }
                : Interrupted(step, $"The node {s.Node} stopped while this step was running.", l.At));
        }
        return Decision.Accept(events);
    }

    /// <summary>A step that interrupts whatever runs it, by eating its memory for one, must not go round for ever.</summary>
    public const int MostInterruptions = 5;

    private static IEvent Interrupted(StepState step, string because, DateTimeOffset at) => step.Step.Effect == Effect.Idempotent ? Again(step, because, "It is safe to repeat and runs again.", StepStatus.Unknown, at)
        : new StepFinished(step.Step.Id, step.Attempt, StepStatus.Unknown, null, because + " It may or may not have taken effect; a person has to find out.", new Dictionary<string, string>(), false, at);

    /// <summary>Once more by itself, until that has happened too often. Who waits for people is interrupted by every change of nodes, and that means nothing.</summary>
    /// <param name="otherwise">What it is then: unknown, unless a probe has said that nothing happened.</param>
    private static IEvent Again(StepState step, string because, string then, StepStatus otherwise, DateTimeOffset at) => step.Interruptions + 1 < MostInterruptions || step.Step.Uses is Gates.Kind or "confirm/checklist"
        ? new StepInterrupted(step.Step.Id, step.Attempt, $"{because} {then}", at)
        : new StepFinished(step.Step.Id, step.Attempt, otherwise, null, $"{because} That was interruption {step.Interruptions + 1}: perhaps the step itself ends its node. It does not run again without a person.", new Dictionary<string, string>(), false, at);

    private static Decision Probed(Run s, FinishProbe p)
    {
        if (s.Find(p.Step) is not { Status: StepStatus.Running, Probing: true } step || step.Attempt != p.Attempt)
            return Decision.Conflict($"Attempt {p.Attempt} of '{p.Step}' is not being probed.");
        IEvent found = p.Finding switch
        {
            ProbeFinding.TookEffect => new StepFinished(p.Step, p.Attempt, StepStatus.Succeeded, null, $"Interrupted, but it took effect: {p.Summary}", new Dictionary<string, string>(), false, p.At),
            // What did not happen yet, and may still be happening on a machine that nobody can look at, is not known.
            ProbeFinding.NoEffect when step.Step.Effect == Effect.Once && !step.ProbeCertain =>
                Interrupted(step, $"Interrupted on another machine; no effect was seen yet ({p.Summary}), but it may still be at work there.", p.At),
            // Whatever its effect: what did not happen may happen now, once.
            ProbeFinding.NoEffect => Again(step, $"Interrupted before it took effect: {p.Summary}", "It runs again.", StepStatus.Error, p.At),
            _ => Interrupted(step, $"Interrupted, and the probe cannot tell whether it took effect: {p.Summary}", p.At),
        };
        return p.GoOn ? Decision.Accept([found, .. Continue(Run.Apply(s, found), p.At)]) : Decision.Accept(found);
    }

    private static Decision Finish(Run s, FinishStep f)
    {
        if (s.Find(f.Step) is not { Status: StepStatus.Running } step || step.Attempt != f.Attempt || step.Probing)
            return Decision.Conflict($"Attempt {f.Attempt} of '{f.Step}' is not running.");
        var finished = new StepFinished(f.Step, f.Attempt, f.Result.Status, f.Result.ExitCode, f.Result.Summary,
            f.Result.Outputs ?? new Dictionary<string, string>(), f.Result.IntegrityDiffers, f.At);
        var events = new List<IEvent> { finished };
        if (f.Result.Status is StepStatus.Failed or StepStatus.Error && step.AttemptsUsed < step.Step.Attempts && step.Step.Effect == Effect.Idempotent
            && s.Status is RunStatus.Running or RunStatus.Paused)
            events.Add(new StepRetryScheduled(f.Step, f.Attempt + 1, f.At + step.Step.RetryDelay, f.At));
        // The next step starts in the same commit: between the two there is nothing that a crash could lose.
        if (f.GoOn) events.AddRange(Continue(events.Aggregate(s, Run.Apply), f.At));
        return Decision.Accept(events);
    }

    private static Decision Because(string reason, params IReadOnlyList<IEvent> events) =>
        Reason(reason) ?? Decision.Accept(events);

    private static Decision? Reason(string reason) =>
        string.IsNullOrWhiteSpace(reason) ? Decision.Refuse(RefusalKind.Invalid, "A reason is missing.", "reason")
        : reason.Length > LongestReason ? Decision.Refuse(RefusalKind.Invalid, $"The reason has {reason.Length} characters; {LongestReason} are the most.", "reason")
        : null;

    private static Decision NotNow(Run s, string word) => Decision.Conflict($"This run is {Word(s.Status)}; it cannot be {word} now.");

    private static string Word<T>(T value) => value switch
    {
        RunStatus.AwaitingApproval => "awaiting approval",
        RunStatus.NeedsDecision => "waiting for a decision",
        StepStatus.Error => "could not run",
        StepStatus.Unknown => "has an unknown outcome",
        StepStatus.Skipped => "was skipped",
        StepStatus.Canceled => "was canceled",
        StepStatus.Running => "running",
        null => "unknown",
        _ => value.ToString()!.ToLowerInvariant(),
    };
}
