using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;

namespace RollbackConsole.Steps.Confirm;

/// <summary><c>confirm/checklist</c>: a person ticks every item before the plan goes on.</summary>
public sealed class ConfirmChecklist : IStepKind
{
    public StepKindSchema Schema { get; } = new("confirm/checklist", "Checklist", Effect.Idempotent, Destructive: false,
        [new("items", InputType.TextList, true, "what a person has to see with their own eyes, one sentence each")]);

    public Task<IReadOnlyList<string>> Preview(StepCall call, CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<string>>(["Waits until a person has ticked:", .. call.With.List("items").Select(i => "  ☐ " + i)]);

    public async Task<StepResult> Run(StepCall call, CancellationToken ct)
    {
        await call.Log.Write("console", "Waiting for a person to tick the checklist.");
        var confirmed = await call.Confirmation.WaitAsync(ct);
        foreach (var item in confirmed.Items) await call.Log.Write("console", $"☑ {item}");
        return StepResult.Succeeded($"Confirmed by {confirmed.By.Name}.", new Dictionary<string, string>(StringComparer.Ordinal) { ["confirmedBy"] = confirmed.By.Name });
    }
}
