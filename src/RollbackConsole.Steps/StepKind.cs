using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Steps.Running;

namespace RollbackConsole.Steps;

/// <summary>One thing that a plan step can do to the outside world.</summary>
public interface IStepKind
{
    StepKindSchema Schema { get; }

    /// <summary>What <see cref="Run"/> would do, in sentences, without doing it. Reading is allowed, writing is not.</summary>
    Task<IReadOnlyList<string>> Preview(StepCall call, CancellationToken ct);

    /// <summary>Does it. A cancelled token means: end what you started, then throw <see cref="OperationCanceledException"/>.</summary>
    /// <exception cref="StepInputException">An input makes no sense here and now; the step counts as an error.</exception>
    Task<StepResult> Run(StepCall call, CancellationToken ct);
}

/// <summary>A kind that can find out after a crash whether an attempt took effect.</summary>
public interface IStepProbe
{
    /// <summary>Looks, without changing anything.</summary>
    Task<(ProbeFinding Finding, string Summary)> Probe(StepCall call, CancellationToken ct);
}

/// <summary>Where a step's lines go. Waits while the store is behind, so that nothing is dropped.</summary>
public interface IStepLog
{
    /// <param name="stream"><c>out</c>, <c>err</c> or <c>console</c>.</param>
    ValueTask Write(string stream, string text);
}

/// <summary>One attempt of one step, with everything that it may use.</summary>
public sealed record StepCall(
    string RunId, PlanStep Step, int Attempt, Inputs With, string RunDirectory, IStepLog Log,
    IReadOnlyDictionary<string, string> Parameters, DateTimeOffset FirstStartedAt, Task<StepConfirmed> Confirmation);

/// <summary>An input that cannot be used; the message says which and what to do.</summary>
public sealed class StepInputException(string message) : Exception(message);
