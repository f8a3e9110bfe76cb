using System.Collections.Immutable;
using RollbackConsole.Domain.Approvals;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Plans;

namespace RollbackConsole.Domain.Runs;

public enum RunStatus { AwaitingApproval, Queued, Running, Paused, NeedsDecision, Aborting, Finished }

public enum RunOutcome { Succeeded, Partial, Failed, Aborted, Rejected, Expired }

/// <summary>A run as its events tell it.</summary>
public sealed record Run
{
    public static readonly Run None = new();

    public string Id { get; init; } = "";
    public string IncidentId { get; init; } = "";
    public Plan Plan { get; init; } = null!;
    public int PlanVersion { get; init; }
    public string PlanDigest { get; init; } = "";
    public string Service { get; init; } = "";
    public string Environment { get; init; } = "";
    public IReadOnlyDictionary<string, string> Parameters { get; init; } = ImmutableDictionary<string, string>.Empty;
    public bool DryRun { get; init; }
    public string Reason { get; init; } = "";
    public string Digest { get; init; } = "";
    public IReadOnlyList<ApprovalRequirement> Requirements { get; init; } = [];
    public ImmutableList<ApprovalGiven> Approvals { get; init; } = [];
    public ApprovalRefused? RefusedBy { get; init; }
    public PolicyVerdict Policy { get; init; } = PolicyVerdict.Free;
    public ApprovalClaimed? Claim { get; init; }

    /// <summary>Roles and groups of the requester at the request: authority that was there.</summary>
    public IReadOnlyList<string> RequesterGroups { get; init; } = [];
    public GlassBroken? Glass { get; init; }

    /// <summary>Nothing starts before: a maintenance window.</summary>
    public DateTimeOffset? NotBefore { get; init; }

    /// <summary>When the request, or what was approved, grows stale; null once something has started.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }
    public EmergencyStarted? Emergency { get; init; }
    public Person? RequestedBy { get; init; }
    public DateTimeOffset RequestedAt { get; init; }
    public DateTimeOffset? ApprovedAt { get; init; }
    public DateTimeOffset? StartedAt { get; init; }
    public DateTimeOffset? FinishedAt { get; init; }
    public RunStatus Status { get; init; }
    public RunOutcome? Outcome { get; init; }
    public string Summary { get; init; } = "";
    public string? Node { get; init; }
    public int Epoch { get; init; }

    /// <summary>The machine of the node that holds, or last held, the run.</summary>
    public string? Host { get; init; }
    public DecisionNeeded? Decision { get; init; }
    public RecoveryStarted? Recovery { get; init; }
    public ImmutableArray<StepState> Steps { get; init; } = [];

    public bool Exists => Id.Length > 0;

    /// <summary>The engine has work to do, or will have.</summary>
    public bool Live => Status is RunStatus.Queued or RunStatus.Running or RunStatus.Paused or RunStatus.NeedsDecision or RunStatus.Aborting;

    /// <summary>Everything is said, and only the maintenance window is still closed.</summary>
    public bool WaitsForWindow(DateTimeOffset now) => Status == RunStatus.Queued && Epoch == 0 && NotBefore > now;

    /// <summary>Approvals in the middle or at the end that wait for an answer.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public IEnumerable<StepState> OpenGates => Steps.Where(s => s is { Status: StepStatus.Running, Confirmed: null, Step.Uses: Gates.Kind });

    public StepState? Find(string step) => Steps.FirstOrDefault(s => s.Step.Id == step);

    public static Run Apply(Run s, IEvent e) => e switch
    {
        RunRequested r => new Run
        {
            Id = r.Id, IncidentId = r.IncidentId, Plan = r.Plan, PlanVersion = r.PlanVersion, PlanDigest = r.PlanDigest,
            Service = r.Service, Environment = r.Environment, Parameters = r.Parameters, DryRun = r.DryRun, Reason = r.Reason,
            Digest = r.Digest, Requirements = r.Requirements, RequestedBy = r.By, RequestedAt = r.At,
            Status = RunStatus.AwaitingApproval, Steps = StepsOf(r.Plan, r.Requirements),
            Policy = r.Policy ?? PolicyVerdict.Free, RequesterGroups = r.RequesterGroups ?? [], ExpiresAt = r.At + r.Policy?.Expires,
        },
        RunPolicyChanged p => s with { Policy = p.Policy, Requirements = p.Policy.Approvals, Steps = StepsOf(s.Plan, p.Policy.Approvals), Status = RunStatus.AwaitingApproval, ApprovedAt = null, NotBefore = null, ExpiresAt = s.ExpiresAt ?? p.At + p.Policy.Expires },
        ApprovalClaimed c => s with { Claim = c },
        GlassBroken g => s with { Glass = g },
        ApprovalGiven a => s with { Approvals = s.Approvals.Add(a) },
        ApprovalRefused a => s with { RefusedBy = a },
        RunQueued q => s with { Status = RunStatus.Queued, ApprovedAt = q.At, NotBefore = q.NotBefore, ExpiresAt = q.GoodUntil },
        RunLeased l => s with
        {
            Node = l.Node,
            Epoch = l.Epoch,
            Host = l.Host,
            StartedAt = s.StartedAt ?? l.At,
            ExpiresAt = null,
            Status = s.Status == RunStatus.Queued ? RunStatus.Running : s.Status,
        },
        RunHandedOver => s with { Node = null },
        StepProbeStarted p => s.With(p.Step, x => x with { Probing = true, ProbeCertain = p.Certain }),
        GateAnswered g => s.With(g.Step, x => x with { Answers = x.Answers.Add(g) }),
        StepStarted t => s.With(t.Step, x => x with
        {
            Status = StepStatus.Running,
            Attempt = t.Attempt,
            AttemptsUsed = x.AttemptsUsed + 1,
            StartedAt = t.At,
            FirstStartedAt = x.FirstStartedAt ?? t.At,
            FinishedAt = null,
            NotBefore = null,
            ExitCode = null,
            Summary = "",
            Confirmed = x.Resuming ? x.Confirmed : null,
            Answers = x.Resuming ? x.Answers : [],
            Resuming = false,
            Probing = false,
        }),
        StepFinished f => s.With(f.Step, x => x with
        {
            Status = f.Status,
            FinishedAt = f.At,
            Order = s.NextOrder,
            Probing = false,
            LeftOutByPlan = f.Status == StepStatus.Skipped,
            ExitCode = f.ExitCode,
            Summary = f.Summary,
            Outputs = f.Outputs.ToImmutableDictionary(),
            // A difference once seen stays, until the comparison itself succeeds.
            IntegrityDiffers = f.IntegrityDiffers || (x.IntegrityDiffers && f.Status != StepStatus.Succeeded),
        }),
        StepRetryScheduled r => s.With(r.Step, x => x with { Status = StepStatus.Pending, NotBefore = r.NotBefore }),
        StepInterrupted i => s.With(i.Step, x => x with { Status = StepStatus.Pending, AttemptsUsed = x.AttemptsUsed - 1, Summary = i.Because, Probing = false, Resuming = true, Interruptions = x.Interruptions + 1 }),
        StepConfirmed c => s.With(c.Step, x => x with { Confirmed = c }),
        StepRetryOrdered r => s.Decided(r.Step, x => x with { Status = StepStatus.Pending, AttemptsUsed = 0, Interruptions = 0, NotBefore = null }),
        StepSkipped k => s.Decided(k.Step, x => x with { Status = StepStatus.Skipped, FinishedAt = k.At, Summary = k.Reason }),
        StepOutcomeSettled o => s.Decided(o.Step, x => x with { Status = o.Status, FinishedAt = o.At, Summary = o.Reason, Order = s.NextOrder }),
        RunPaused => s with { Status = RunStatus.Paused },
        RunResumed => s with { Status = RunStatus.Running },
        AbortRequested => s with { Status = RunStatus.Aborting },
        DecisionNeeded d => s with { Status = RunStatus.NeedsDecision, Decision = d },
        RecoveryStarted r => s.Recover(r),
        EmergencyStarted e2 => s.TurnToEmergency(e2),
        RunFinished f => s with { Status = RunStatus.Finished, Outcome = f.Outcome, Summary = f.Summary, FinishedAt = f.At },
        _ => throw new InvalidOperationException($"{e.GetType().Name} does not belong to a run."),
    };

    private int NextOrder => Steps.Max(x => x.Order) + 1;

    /// <summary>Steps, checks, and what the policy wants to see answered when all of them are done.</summary>
    private static ImmutableArray<StepState> StepsOf(Plan plan, IReadOnlyList<ApprovalRequirement> requirements)
    {
        // Checks verify the whole: they wait for every step of the plan.
        var all = plan.Steps.Select(s => s.Id).ToList();
        return [.. plan.Steps.Select(s => new StepState(s, StepPart.Step)),
            .. plan.Checks.Select(c => new StepState(c with { Needs = [.. all, .. c.Needs] }, StepPart.Check)),
            .. requirements.Where(r => r.AtEnd).Select(r => new StepState(Gates.StepOf(r, [.. all, .. plan.Checks.Select(c => c.Id)]), StepPart.Check))];
    }

    private Run With(string step, Func<StepState, StepState> change)
    {
        for (var i = 0; i < Steps.Length; i++)
            if (Steps[i].Step.Id == step) return this with { Steps = Steps.SetItem(i, change(Steps[i])) };
        throw new InvalidOperationException($"The run {Id} has no step '{step}'.");
    }

    /// <summary>What was not reached is canceled; undo of what succeeded, newest first, then the recovery steps, one after the other.</summary>
    private Run Recover(RecoveryStarted r)
    {
        var left = Steps.Select(x => x with
        {
            LeftToRecovery = true,
            Status = x.Status == StepStatus.Pending ? StepStatus.Canceled : x.Status,
            Summary = x.Status == StepStatus.Pending ? "Not reached; the run recovers." : x.Summary,
        });
        var undo = Steps.Where(x => x.Status == StepStatus.Succeeded && x.Step.Undo is not null).OrderByDescending(x => x.Order).Select(x => (Step: x.Step.Undo!, Part: StepPart.Undo));
        var added = undo.Concat(Plan.Recovery.Select(x => (Step: x, Part: StepPart.Recovery))).ToList();
        return this with
        {
            Recovery = r,
            Status = Status == RunStatus.NeedsDecision ? RunStatus.Running : Status,
            Decision = null,
            Steps = [.. left, .. added.Select((a, i) => new StepState(a.Step with { Needs = i == 0 ? [] : [added[i - 1].Step.Id] }, a.Part))],
        };
    }

    /// <summary>What is left of the recovery is given up; the emergency steps run one after the other, whatever comes of each.</summary>
    private Run TurnToEmergency(EmergencyStarted e)
    {
        var left = Steps.Select(x => x with
        {
            LeftToRecovery = true,
            Status = x.Status == StepStatus.Pending ? StepStatus.Canceled : x.Status,
            Summary = x.Status == StepStatus.Pending ? "Given up; the emergency procedure runs." : x.Summary,
        });
        var added = Plan.Emergency ?? [];
        return this with
        {
            Emergency = e,
            Status = Status == RunStatus.NeedsDecision ? RunStatus.Running : Status,
            Decision = null,
            Steps = [.. left, .. added.Select((a, i) => new StepState(a with { Needs = i == 0 ? [] : [added[i - 1].Id], OnFailure = OnFailure.Continue }, StepPart.Emergency))],
        };
    }

    private Run Decided(string step, Func<StepState, StepState> change)
    {
        var next = With(step, change);
        var stillBlocked = next.Steps.Any(x => x.Blocks);
        return next with
        {
            Decision = stillBlocked ? next.Decision : null,
            Status = next.Status == RunStatus.NeedsDecision && !stillBlocked ? RunStatus.Running : next.Status,
        };
    }
}
