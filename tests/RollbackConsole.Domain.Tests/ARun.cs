using System.Text.Json.Nodes;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Approvals;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;

namespace RollbackConsole.Domain.Tests;

/// <summary>Runs in named states, for tests that read as sentences.</summary>
internal static class ARun
{
    public static readonly DateTimeOffset Noon = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);
    public static readonly Actor Commander = new("c", "Commander", [Role.Commander], []);
    public static readonly Actor Approver = new("a", "Approver", [Role.Approver], []);

    public static readonly PolicyVerdict SecondPerson = PolicyVerdict.Free with { Approvals = [new(Role.Approver, 1, ExceptRequester: true, "a second person")], BreakGlass = true, ReviewWithin = TimeSpan.FromHours(24), Expires = TimeSpan.FromHours(24) };

    public static PlanStep Step(string id, params string[] needs) =>
        new(id, id, "command/run", new JsonObject { ["argv"] = new JsonArray("/bin/true") }, needs, TimeSpan.FromMinutes(1), 1, TimeSpan.FromSeconds(5), Effect.Once, OnFailure.Stop, null);

    public static Plan PlanOf(params PlanStep[] steps) => new("plan", "Plan", "shop", Risk.Modification, null, "none", [], steps, [], null, []);

    public static Run Requested(Plan plan, bool dryRun = false, string environment = "production") => Run.None.Do(
        new RequestRun("r", "i", new PlanVersion(plan.Name, 1, "sha256:plan", plan), "shop", environment, new Dictionary<string, string>(), dryRun, "because", Commander.Person, Noon, dryRun || environment == "development" ? PolicyVerdict.Free : SecondPerson));

    public static Run Approved(Plan plan) => Requested(plan).With(r => r.Do(new DecideApproval(true, null, r.Digest, "", Approver, Noon)));

    public static Run Running(Plan plan) => Approved(plan).Do(new LeaseRun("node:1", Noon)).Do(new AdvanceRun(1, Noon));

    /// <summary>Applies a command that must be accepted.</summary>
    public static Run Do(this Run run, RunCommand command)
    {
        var decision = RunDecider.Decide(run, command);
        Assert.Null(decision.Refusal?.Reason);
        return decision.Events.Aggregate(run, Run.Apply);
    }

    /// <summary>The reason for which a command is refused.</summary>
    public static Refusal Refused(this Run run, RunCommand command)
    {
        var decision = RunDecider.Decide(run, command);
        Assert.NotNull(decision.Refusal);
        Assert.Empty(decision.Events);
        return decision.Refusal;
    }

    public static Run Finish(this Run run, string step, StepStatus status = StepStatus.Succeeded, DateTimeOffset? at = null) =>
        run.Do(new FinishStep(run.Epoch, step, run.Find(step)!.Attempt, new StepResult(status, status.ToString()), at ?? Noon));

    public static StepStatus StatusOf(this Run run, string step) => run.Find(step)!.Status;

    public static TOut With<TIn, TOut>(this TIn value, Func<TIn, TOut> next) => next(value);
}
