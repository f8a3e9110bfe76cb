using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Approvals;
using RollbackConsole.Domain.Journal;

namespace RollbackConsole.Domain.Runs;

// What has to be said before a run may begin: approvals, claims, the policies of now, going without, and growing stale.
public static partial class RunDecider
{
    /// <summary>Where an approval of <paramref name="group"/> could come from this actor; null when it could not, with the reason.</summary>
    public static (ApprovalRequirement? Requirement, string? Reason) OpenFor(Run s, Actor by, string? group)
    {
        var reason = "Every approval that the policy asks for is there already.";
        foreach (var requirement in s.Requirements.Where(r => !r.AtEnd && (group is null || r.Group == group)))
        {
            if (Counting(s, requirement).Count() >= requirement.Count) continue;
            if (Gates.Complaint(s, requirement, [], by) is not { } complaint) return (requirement, null);
            reason = complaint;
        }
        return (null, reason);
    }

    private static Decision Approval(Run s, DecideApproval d)
    {
        // Until something has begun, whoever said yes may think again.
        var mine = s.Approvals.Any(a => a.By.IsSameHuman(d.By.Person)) || s.RequestedBy?.IsSameHuman(d.By.Person) == true;
        if (s.Status != RunStatus.AwaitingApproval && !(!d.Approve && mine && s is { Live: true, Epoch: 0 }))
            return Decision.Conflict($"This run is {Word(s.Status)}; there is nothing to {(d.Approve ? "approve" : "reject")}.");
        if (d.Digest != s.Digest)
            return Decision.Conflict("What you looked at is not what would run now: the digest differs. Look at the run again.");
        if (d.Comment.Length > LongestReason) return Decision.Refuse(RefusalKind.Invalid, $"The comment has {d.Comment.Length} characters; {LongestReason} are the most.", "comment");
        var (requirement, reason) = OpenFor(s, d.By, d.Group);
        if (!d.Approve)
        {
            // Saying no is always open to whoever could say yes, or did, and to the requester.
            var mayRefuse = requirement is not null || mine || MaySayTheLastYes(s, d.By) || s.Requirements.Any(r => Gates.Complaint(s, r, [], d.By) is null);
            if (!mayRefuse) return Decision.Refuse(RefusalKind.Forbidden, reason!);
            if (string.IsNullOrWhiteSpace(d.Comment)) return Decision.Refuse(RefusalKind.Invalid, "Say why, so that the requester knows what to change.", "comment");
            return Decision.Accept(
                new ApprovalRefused(requirement?.Group ?? s.Approvals.Find(a => a.By.IsSameHuman(d.By.Person))?.Group ?? "requester", d.Digest, d.Comment, d.By.Person, d.At),
                new RunFinished(RunOutcome.Rejected, $"Rejected by {d.By.Name}: {d.Comment}", d.At));
        }
        if (s.ExpiresAt <= d.At) return Decision.Conflict("The request is too old to be approved; ask anew.");
        if (s.Policy.Blocks.Count > 0) return Decision.Conflict($"The policy does not let this plan run here: {string.Join("; ", s.Policy.Blocks)}.");
        // The policy asks for less than it did: a yes of somebody who may say it is all that was missing.
        if (requirement is null && MaySayTheLastYes(s, d.By)) return Decision.Accept(Queued(s.Policy, d.At));
        if (requirement is null) return Decision.Refuse(RefusalKind.Forbidden, reason!);
        if (Gates.Missing(requirement, d.Items, d.Reference) is { } missing) return missing;
        var given = new ApprovalGiven(requirement.Group, d.Digest, d.Comment, d.By.Person, d.At, d.Items, d.Reference?.Trim());
        return Complete(Run.Apply(s, given)) ? Decision.Accept(given, Queued(s.Policy, d.At)) : Decision.Accept(given);
    }

    /// <summary>Every approval is there and the run waits all the same, because the policy has come to ask for less: whose yes starts it, and whose no ends it.</summary>
    public static bool MaySayTheLastYes(Run s, Actor by) => s.Status == RunStatus.AwaitingApproval && Complete(s) && s.RequestedBy?.IsSameHuman(by.Person) != true && (by.Can(Permission.Approve) || by.Can(Permission.Command));

    /// <summary>Every approval that is asked for before the start is there.</summary>
    public static bool Complete(Run s) => s.Requirements.Where(r => !r.AtEnd).All(r => Counting(s, r).Count() >= r.Count);

    /// <summary>The approvals that meet a requirement as it stands now; what was given under a milder one may not.</summary>
    public static IEnumerable<ApprovalGiven> Counting(Run s, ApprovalRequirement r) => s.Approvals.Where(a =>
        a.Group == r.Group && a.Digest == s.Digest && !(r.ExceptRequester && s.RequestedBy?.IsSameHuman(a.By) == true) && Gates.Missing(r, a.Items, a.Reference) is null);

    private static RunQueued Queued(PolicyVerdict policy, DateTimeOffset at)
    {
        var opens = policy.Opens(at);
        return new RunQueued(at, opens > at ? opens : null, opens + policy.Expires);
    }

    /// <summary>What is asked now, as long as nothing has begun. An approved run that misses something now goes back to those who approve, and one whose window closed waits for the next.</summary>
    private static List<IEvent> Refreshed(Run s, RefreshPolicy p)
    {
        var waits = s.Status == RunStatus.AwaitingApproval;
        if (!waits && (s.Status is not (RunStatus.Queued or RunStatus.Running) || s.Epoch > 0 || s.Glass is not null)) return [];
        var events = new List<IEvent>();
        if (!s.Policy.Same(p.Policy)) events.Add(new RunPolicyChanged(p.Policy, p.At));
        var after = events.Aggregate(s, Run.Apply);
        if (waits) return events;
        var opens = p.Policy.Opens(p.At);
        if (events.Count > 0 && Complete(after) && p.Policy.Blocks.Count == 0) events.Add(Queued(p.Policy, p.At) with { GoodUntil = s.ExpiresAt });
        else if (events.Count == 0 && opens > p.At && s.NotBefore != opens) events.Add(new RunQueued(p.At, opens, s.ExpiresAt));
        return events;
    }

    /// <summary>Who looks at the request now; null when nobody does, or not any more: the time is over, or the word is given.</summary>
    public static ApprovalClaimed? ClaimOf(Run s, DateTimeOffset now) => s.Claim is { } held && now - held.At < ClaimLasts && !s.Approvals.Any(a => a.By.IsSameHuman(held.By)) ? held : null;

    private static Decision Claim(Run s, ClaimApproval c)
    {
        if (s.Status != RunStatus.AwaitingApproval) return Decision.Conflict($"This run is {Word(s.Status)}; there is nothing to look at.");
        if (OpenFor(s, c.By, null).Requirement is null) return Decision.Refuse(RefusalKind.Forbidden, OpenFor(s, c.By, null).Reason!);
        if (ClaimOf(s, c.At) is not { } held) return Decision.Accept(new ApprovalClaimed(c.By.Person, c.At));
        return held.By.IsSameHuman(c.By.Person) ? Decision.Accept() : Decision.Conflict($"{held.By.Name} looks at it already, since {held.At:HH:mm:ss} UTC. You can still decide it.");
    }

    private static Decision Break(Run s, BreakGlass b)
    {
        if (s.Status != RunStatus.AwaitingApproval && !s.WaitsForWindow(b.At)) return Decision.Conflict($"This run is {Word(s.Status)}; there is no approval to go without.");
        if (!s.Policy.BreakGlass) return Decision.Refuse(RefusalKind.Forbidden, "The policy does not let anybody start this run without approval.");
        if (b.Digest != s.Digest) return Decision.Conflict("What you looked at is not what would run now: the digest differs. Look at the run again.");
        if (s.Policy.Blocks.Count > 0) return Decision.Conflict($"The policy does not let this plan run here: {string.Join("; ", s.Policy.Blocks)}.");
        if (s.ExpiresAt <= b.At) return Decision.Conflict("The request is too old; ask anew.");
        var missing = s.Requirements.Where(r => !r.AtEnd && Counting(s, r).Count() < r.Count).Select(r => r.Who).ToList();
        // An emergency does not wait for a maintenance window.
        return Because(b.Reason, new GlassBroken(b.Reason, b.Digest, missing, b.At + (s.Policy.ReviewWithin ?? LongestReview), b.By, b.At), new RunQueued(b.At));
    }

    /// <summary>Ends what has not begun and is not meant any more.</summary>
    private static Decision CallOff(Run s, CallOffRun c) => s.Epoch > 0 ? Decision.Accept() : Decision.Accept(new RunFinished(RunOutcome.Expired, c.Because, c.At));

    private static Decision Expire(Run s, ExpireRun x)
    {
        if (s.ExpiresAt is not { } until || x.At < until || s.Epoch > 0) return Decision.Accept();
        return Decision.Accept(new RunFinished(RunOutcome.Expired, s.Status == RunStatus.AwaitingApproval
            ? "Nobody answered in time; ask anew, so that somebody looks at how things stand now." : "It was approved, but nothing started in time; ask anew, so that somebody looks at how things stand now.", x.At));
    }
}
