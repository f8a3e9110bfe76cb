using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Approvals;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Engine.Runs;
using RollbackConsole.Store.Journal;
using RollbackConsole.Store.Runs;

namespace RollbackConsole.Engine.Approvals;

/// <summary>What people say before, in the middle and at the end of a run, under the policies in force at that moment; and what becomes of what nobody answers.</summary>
public sealed class ApprovalDesk(EventJournal journal, PolicyDesk policies, RunRows rows, RunDoor door, TimeProvider time)
{
    /// <summary>Approves or rejects exactly what the digest names, under the policies that are in force now.</summary>
    public async Task<Run> Decide(
        Actor actor, string id, bool approve, string? group, string digest, string comment, CancellationToken ct = default, IReadOnlyList<string>? items = null, string? reference = null)
    {
        actor.Require(Permission.See);
        actor.RequireScope(Permission.Approve);
        var run = await door.Get(actor, id, ct);
        var verdict = await PolicyBefore(run, ct);
        var now = time.GetUtcNow();
        var command = new DecideApproval(approve, group, digest, comment, actor, now, items, reference);
        if (approve && WithPolicy(run, verdict, now, command).Events.Any(e => e is RunQueued)) await RequireFree(run.Service, run.Environment, run.Plan.Purpose, ct, run.Id);
        var decided = (await journal.ExecuteBoth(Streams.Runs, id, s => WithPolicy(s, verdict, now, command),
            Streams.Incidents, run.IncidentId, (s, r) => StillMeant(s, r) ?? Reopened(s, r, actor.Person, now), actor.Person, now, ct)).First;
        await door.WakeWhenLive(decided, ct);
        return decided;
    }

    /// <summary>Takes one's own request back if it still waits, because another run does what it was to do; what somebody has started meanwhile is theirs. The decision about the incident stands.</summary>
    internal async Task Withdraw(Actor actor, string id, string because, CancellationToken ct)
    {
        var run = await door.Get(actor, id, ct);
        var now = time.GetUtcNow();
        await journal.ExecuteBoth(Streams.Runs, id, s => s.Status == RunStatus.AwaitingApproval ? RunDecider.Decide(s, new DecideApproval(false, null, s.Digest, because, actor, now)) : Decision.Accept(),
            Streams.Incidents, run.IncidentId, (s, r) => r.FinishedAt == now ? IncidentDecider.Decide(s, new LinkRun(id, run.Plan.Name, "withdrawn", $"'{run.Plan.Title}' was asked for twice at once; one of the two is taken back", actor.Person, now)) : Decision.Accept(), actor.Person, now, ct);
    }

    /// <summary>Says that somebody looks at the request.</summary>
    public Task<Run> Claim(Actor actor, string id, CancellationToken ct = default)
    {
        actor.Require(Permission.See);
        actor.RequireScope(Permission.Approve);
        return door.Execute(actor, id, now => new ClaimApproval(actor, now), ct);
    }

    /// <summary>Starts without the approvals that are missing, where the policy lets a commander do so. Everybody is told, and a review is owed.</summary>
    public async Task<Run> BreakGlass(Actor actor, string id, string digest, string reason, CancellationToken ct = default)
    {
        actor.Require(Permission.Command);
        var run = await door.Get(actor, id, ct);
        var verdict = await PolicyBefore(run, ct);
        var now = time.GetUtcNow();
        if (run.Status != RunStatus.Finished) await RequireFree(run.Service, run.Environment, run.Plan.Purpose, ct, run.Id);
        var broken = (await journal.ExecuteBoth(Streams.Runs, id, s => WithPolicy(s, verdict, now, new BreakGlass(reason, digest, actor.Person, now)),
            Streams.Incidents, run.IncidentId, (s, r) => StillMeant(s, r) ?? (r.Glass is { } g ? IncidentDecider.Decide(s, new OweReview(id, run.Plan.Title, g.Reason, g.ReviewBy, actor.Person, now)) : Decision.Accept()), actor.Person, now, ct)).First;
        await door.WakeWhenLive(broken, ct);
        return broken;
    }

    /// <summary>What the policies in force ask of a run that waits, now.</summary>
    public async Task<PolicyVerdict> PolicyNow(Run run, CancellationToken ct = default)
    {
        var incident = (await journal.Load(Streams.Incidents, run.IncidentId, ct)).State;
        // The requester's groups are those that they had when they asked: a verdict is about that request.
        var facts = await policies.Facts(run.Plan, incident.Service, run.Environment, incident.Severity, run.DryRun, new Actor(run.RequestedBy!.Id, run.RequestedBy.Name, [], run.RequesterGroups), ct);
        return policies.For(await policies.All(ct), facts);
    }

    /// <summary>The policies of this moment, for whatever has not begun, approved or not: the verdict that the run holds may be days old.</summary>
    private async Task<PolicyVerdict?> PolicyBefore(Run run, CancellationToken ct) => run is { Epoch: 0, Status: not RunStatus.Finished } ? await PolicyNow(run, ct) : null;

    /// <summary>The run of the same plan in the same place that was carried out last; null when this is the first.</summary>
    public async Task<Run?> LastApproved(Actor actor, Run run, CancellationToken ct = default)
    {
        actor.Require(Permission.See);
        return await rows.LastApproved(run.Plan.Name, run.Service, run.Environment, run.Id, ct) is { } id ? (await journal.Load(Streams.Runs, id, ct)).State : null;
    }

    /// <summary>Looks at an approved run once more before anything begins: policies, severity and windows may have changed since.</summary>
    internal async Task Recheck(string id, CancellationToken ct)
    {
        var run = (await journal.Load(Streams.Runs, id, ct)).State;
        if (!run.Exists || run.Epoch > 0 || run.DryRun || run.Status is not (RunStatus.Queued or RunStatus.Running)) return;
        var at = time.GetUtcNow();
        var incident = (await journal.Load(Streams.Incidents, run.IncidentId, ct)).State;
        if (incident.ResolvedAt > run.RequestedAt)
        {
            var over = new CallOffRun($"Incident {incident.Number} was resolved before it began. If it is needed all the same, ask anew.", at);
            await journal.ExecuteBoth(Streams.Runs, id, s => RunDecider.Decide(s, over), Streams.Incidents, run.IncidentId, (s, r) => Reopened(s, r, Person.Console, at), Person.Console, at, ct);
            return;
        }
        if (run.Glass is not null) return;
        var verdict = await PolicyNow(run, ct);
        var now = time.GetUtcNow();
        if (RunDecider.Decide(run, new RefreshPolicy(verdict, now)).Events.Count > 0)
            await journal.Execute(Streams.Runs, id, s => RunDecider.Decide(s, new RefreshPolicy(verdict, now)), Person.Console, now, ct);
    }

    /// <summary>Ends what nobody answered in time.</summary>
    internal async Task Expire(string id, CancellationToken ct)
    {
        var run = (await journal.Load(Streams.Runs, id, ct)).State;
        var now = time.GetUtcNow();
        await journal.ExecuteBoth(Streams.Runs, id, s => RunDecider.Decide(s, new ExpireRun(now)), Streams.Incidents, run.IncidentId, (s, r) => Reopened(s, r, Person.Console, now), Person.Console, now, ct);
    }

    /// <summary>Answers an approval step in the middle or at the end of a run.</summary>
    public Task<Run> AnswerGate(Actor actor, string id, string step, bool approve, string comment, IReadOnlyList<string>? items, string? reference, CancellationToken ct = default)
    {
        actor.Require(Permission.See);
        actor.RequireScope(Permission.Approve);
        return door.Execute(actor, id, now => new AnswerGate(step, approve, comment, actor, now, items, reference), ct);
    }

    /// <summary>The policies of this moment first, then the command, in one append.</summary>
    /// <param name="verdict">Null when something has begun: what began is not called back.</param>
    private static Decision WithPolicy(Run s, PolicyVerdict? verdict, DateTimeOffset now, RunCommand command)
    {
        if (verdict is null) return RunDecider.Decide(s, command);
        var refreshed = RunDecider.Decide(s, new RefreshPolicy(verdict, now));
        if (!s.Exists || refreshed.Refusal is not null) return RunDecider.Decide(s, command);
        var after = refreshed.Events.Aggregate(s, Run.Apply);
        var decision = RunDecider.Decide(after, command);
        return decision.Refusal is null ? Decision.Accept([.. refreshed.Events, .. decision.Events]) : decision;
    }

    /// <exception cref="RefusedException">Another run works there.</exception>
    /// <param name="except">The run that asks: it may hold the place itself.</param>
    internal async Task RequireFree(string service, string environment, PlanPurpose purpose, CancellationToken ct, string? except = null)
    {
        // The database has the last word; this one has the better sentence.
        if (await rows.AtWork(service, environment, purpose, ct) is { } working && working.Id != except) throw Taken(working);
    }

    internal static RefusedException Taken(RunRow working) => new(RefusalKind.Conflict,
        $"'{working.Title}', asked for by {working.RequestedBy}, {(working.StartedAt is null ? "is about to start on" : "works on")} {working.Service} in {working.Environment} already; wait for its end, or abort it first.");

    /// <summary>A refusal when the incident was over before the run could start: what was asked for then is not what is wrong now.</summary>
    private static Decision? StillMeant(Incident s, Run run) => run is { Status: RunStatus.Queued, Epoch: 0 } && s.ResolvedAt > run.RequestedAt
        ? Decision.Conflict($"Incident {s.Number} was resolved after this was asked for. If it is needed all the same, ask anew.") : null;

    /// <summary>What was decided by asking is open again when the answer is no, or none.</summary>
    internal static Decision Reopened(Incident s, Run run, Person by, DateTimeOffset now)
    {
        var (word, said) = run switch
        {
            { DryRun: true } => (null, null),
            { Outcome: RunOutcome.Rejected } => ("rejected", "was rejected"),
            { Outcome: RunOutcome.Expired } => ("expired", "expired"),
            { Outcome: RunOutcome.Aborted, Epoch: 0 } => ("aborted", "was aborted before it started"),
            _ => (null, null),
        };
        return word is null ? Decision.Accept() : IncidentDecider.Decide(s, new LinkRun(run.Id, run.Plan.Name, word, $"'{run.Plan.Title}' {said}", by, now));
    }
}
