using Microsoft.Extensions.Logging;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Library;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Engine.Plans;
using RollbackConsole.Steps;
using RollbackConsole.Steps.Running;
using RollbackConsole.Steps.Secrets;

namespace RollbackConsole.Engine.Runs;

/// <summary>Runs one attempt of one step to a result: renders, starts, times out, and tells failed, error and canceled apart.</summary>
public sealed class StepRunner(StepKinds kinds, Templates templates, ISecrets secrets, SecretMask mask, EngineFolders folders, TimeProvider time, ILogger<StepRunner> log)
{
    /// <param name="abort">A person ended the run.</param>
    /// <param name="stop">This node must let go of the run (shutdown, lost lease): no result is known then.</param>
    /// <exception cref="OperationCanceledException"><paramref name="stop"/> was cancelled.</exception>
    public async Task<StepResult> Run(Run run, Incident incident, StepState step, IStepLog lines, Task<StepConfirmed> confirmation, CancellationToken abort, CancellationToken stop)
    {
        using var timeout = new CancellationTokenSource(step.Step.Timeout, time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, abort, stop);
        StepResult result;
        try
        {
            result = await Attempt(run, incident, step, lines, confirmation, any.Token);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            throw;
        }
        catch (OperationCanceledException) when (abort.IsCancellationRequested)
        {
            result = new StepResult(StepStatus.Canceled, "Ended because the run was aborted; processes and their children were stopped.");
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested)
        {
            result = StepResult.Failed($"Timed out after {Duration.Format(step.Step.Timeout)}; processes and their children were stopped.");
        }
        catch (StepInputException e)
        {
            result = StepResult.Error(e.Message);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            log.LogError(e, "Step {Step} of run {Run} broke", step.Step.Id, run.Id);
            result = StepResult.Error($"The step broke: {e.Message}");
        }
        if (result.Status is StepStatus.Failed or StepStatus.Error or StepStatus.Canceled) await lines.Write("console", result.Summary);
        return result with
        {
            Summary = mask.Clean(result.Summary),
            Outputs = result.Outputs?.GroupBy(o => mask.Clean(o.Key), StringComparer.Ordinal).ToDictionary(g => g.Key, g => mask.Clean(g.Last().Value).Replace('\0', '\uFFFD'), StringComparer.Ordinal),
        };
    }

    private async Task<StepResult> Attempt(Run run, Incident incident, StepState step, IStepLog lines, Task<StepConfirmed> confirmation, CancellationToken ct)
    {
        var kind = kinds.Find(step.Step.Uses) ?? throw new StepInputException($"This console has no step kind '{step.Step.Uses}'.");
        var directory = folders.RunPath(run.Id);
        Directory.CreateDirectory(directory);
        // In a dry run no step has outputs: they show under their name, as in the preview.
        var context = run.DryRun
            ? Templates.Context(run.Parameters, run.Service, run.Environment, incident, run.Id, directory, run.Reason, Templates.Placeholders(run.Steps.Select(s => s.Step)))
            : Templates.Context(run, incident, directory);
        var rendered = templates.Render(step.Step.With, kind.Schema, context);
        var call = new StepCall(run.Id, step.Step, step.Attempt, new Inputs(rendered, run.DryRun ? null : secrets), directory, lines, run.Parameters,
            step.FirstStartedAt ?? time.GetUtcNow(), confirmation);
        if (!run.DryRun) return await kind.Run(call, ct);
        foreach (var line in await kind.Preview(call, ct)) await lines.Write("console", "Would: " + line);
        return StepResult.Succeeded("Dry run: nothing was done.");
    }
}
