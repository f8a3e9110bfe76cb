using RollbackConsole.Domain.Library;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;

namespace RollbackConsole.Steps.Wait;

/// <summary><c>wait/for</c>: lets a duration pass, counted from the first start: a node that takes over does not wait anew.</summary>
public sealed class WaitFor(TimeProvider time) : IStepKind
{
    private static readonly TimeSpan ReportEvery = TimeSpan.FromSeconds(30);

    public StepKindSchema Schema { get; } = new("wait/for", "Wait", Effect.Idempotent, Destructive: false,
        [new("duration", InputType.Duration, true, "how long, such as 30s or 10m; at most the step's timeout")]);

    public Task<IReadOnlyList<string>> Preview(StepCall call, CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<string>>([$"Waits {Duration.Format(Length(call))}."]);

    public async Task<StepResult> Run(StepCall call, CancellationToken ct)
    {
        var until = call.FirstStartedAt + Length(call);
        for (var left = until - time.GetUtcNow(); left > TimeSpan.Zero; left = until - time.GetUtcNow())
        {
            await call.Log.Write("console", $"Waiting; {Duration.Format(TimeSpan.FromSeconds(Math.Ceiling(left.TotalSeconds)))} left.");
            await Task.Delay(left < ReportEvery ? left : ReportEvery, time, ct);
        }
        return StepResult.Succeeded($"Waited {Duration.Format(Length(call))}.");
    }

    private static TimeSpan Length(StepCall call) => call.With.Duration("duration")!.Value;
}
