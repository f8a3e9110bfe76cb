using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;

namespace RollbackConsole.Steps.Confirm;

/// <summary><c>approval/gate</c>: the plan waits until people of a group approve that it goes on. The decider counts the answers; this only waits for the last.</summary>
public sealed class ApprovalGate : IStepKind
{
    public StepKindSchema Schema { get; } = new(Gates.Kind, "Approval", Effect.Idempotent, Destructive: false,
    [
        new("group", InputType.Text, true, "a role or group that has to approve"),
        new("count", InputType.Number, false, "how many different people; 1 when left out"),
        new("question", InputType.Text, false, "what they decide"),
        new("or", InputType.TextList, false, "groups that may answer instead"),
        new("checklist", InputType.TextList, false, "what each of them ticks"),
        new("reference", InputType.Flag, false, "true when a decision taken elsewhere must be named"),
        new("requester-counts", InputType.Flag, false, "true when the person who asked for the run may answer"),
    ]);

    public Task<IReadOnlyList<string>> Preview(StepCall call, CancellationToken ct) => Task.FromResult<IReadOnlyList<string>>(
        [$"Waits until {call.With.TextOrNull("count") ?? "1"} × {call.With.Text("group")} approve: {call.With.TextOrNull("question") ?? call.Step.Title}", .. call.With.List("checklist").Select(i => "  ☐ " + i)]);

    public async Task<StepResult> Run(StepCall call, CancellationToken ct)
    {
        await call.Log.Write("console", $"Waiting for the approval of {call.With.Text("group")}.");
        var answer = await call.Confirmation.WaitAsync(ct);
        return answer.Refusal is { } why ? StepResult.Failed($"Refused by {answer.By.Name}: {why}") : StepResult.Succeeded($"Approved by {string.Join(", ", answer.Items)}.");
    }
}
