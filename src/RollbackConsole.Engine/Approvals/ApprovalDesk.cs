using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Approvals;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
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
        var verdict = run.Status == RunStatus.AwaitingApproval ? await PolicyNow(run, ct) : run.Policy;
        var now = time.GetUtcNow();
        var decided = (await journal.ExecuteBoth(Streams.Runs, id, s => WithPolicy(s, verdict, now, new DecideApproval(approve, group, digest, comment, actor, now, items, reference)),
            Streams.Incidents, run.IncidentId, (s, r) => Reopened(s, r, actor.Person, now), actor.Person, now, ct)).First;
        await door.WakeWhenLive(decided, ct);
        return decided;
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
        var verdict = run.Status == RunStatus.AwaitingApproval ? await PolicyNow(run, ct) : run.Policy;
        var now = time.GetUtcNow();
        var broken = (await journal.ExecuteBoth(Streams.Runs, id, s => WithPolicy(s, verdict, now, new BreakGlass(reason, digest, actor.Person, now)),
            Streams.Incidents, run.IncidentId, (s, r) => r.Glass is { } g ? IncidentDecider.Decide(s, new OweReview(id, run.Plan.Title, g.Reason, g.ReviewBy, actor.Person, now)) : Decision.Accept(), actor.Person, now, ct)).First;
        await door.WakeWhenLive(broken, ct);
        return broken;
    }

    /// <summary>What the policies in force ask of a run that waits, now.</summary>
    public async Task<PolicyVerdict> PolicyNow(Run run, CancellationToken ct = default)
    {
        var incident = (await journal.Load(Streams.Incidents, run.IncidentId, ct)).State;
        // The requester's groups are those that they had when they asked: a verdict is about that request.
        var facts = await policies.Facts(run.Plan, run.Service, run.Environment, incident.Severity, run.DryRun, new Actor(run.RequestedBy!.Id, run.RequestedBy.Name, [], run.RequesterGroups), ct);
        return policies.For(await policies.All(ct), facts);
    }

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
        if (!run.Exists || run.Epoch > 0 || run.DryRun || run.Glass is not null || run.Status is not (RunStatus.Queued or RunStatus.Running)) return;
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
    private static Decision WithPolicy(Run s, PolicyVerdict verdict, DateTimeOffset now, RunCommand command)
    {
        var refreshed = RunDecider.Decide(s, new RefreshPolicy(verdict, now));
        if (!s.Exists || refreshed.Refusal is not null) return RunDecider.Decide(s, command);
        var after = refreshed.Events.Aggregate(s, Run.Apply);
        var decision = RunDecider.Decide(after, command);
        return decision.Refusal is null ? Decision.Accept([.. refreshed.Events, .. decision.Events]) : decision;
    }

    /// <summary>What was decided by asking is open again when the answer is no, or none.</summary>
    private static Decision Reopened(Incident s, Run run, Person by, DateTimeOffset now)
    {
        if (run is not { DryRun: false, Outcome: RunOutcome.Rejected or RunOutcome.Expired }) return Decision.Accept();
        var word = run.Outcome == RunOutcome.Rejected ? "rejected" : "expired";
        return IncidentDecider.Decide(s, new LinkRun(run.Id, run.Plan.Name, word, $"'{run.Plan.Title}' {(word == "rejected" ? "was rejected" : "expired")}", by, now));
    }
}
