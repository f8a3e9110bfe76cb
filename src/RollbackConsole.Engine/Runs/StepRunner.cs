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
public sealed class StepRunner(StepKinds kinds, Templates templates, ISecrets secrets, SecretMask mask, StepUser user, EngineFolders folders, TimeProvider time, ILogger<StepRunner> log) : IStepRunner
{
    public bool? CanProbe(Run run, StepState step) => run.DryRun ? null : step.Step.Probe is not null ? false : kinds.Find(step.Step.Uses) is IStepProbe ? true : null;

    public async Task<(ProbeFinding Finding, string Summary)> Probe(Run run, Incident incident, StepState step, IStepLog lines, CancellationToken stop)
    {
        using var timeout = new CancellationTokenSource(step.Step.Probe?.Timeout ?? ProbeTimeout, time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, stop);
        (ProbeFinding Finding, string Summary) found;
        try
        {
            secrets.Learn();
            found = step.Step.Probe is { } probe ? await ProbeByStep(run, incident, step with { Step = probe with { Id = step.Step.Id } }, lines, any.Token)
                : await ((IStepProbe)kinds.Find(step.Step.Uses)!).Probe(await Call(run, incident, step, lines, Never, kinds.Find(step.Step.Uses)!, any.Token), any.Token);
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            found = (ProbeFinding.CannotTell, "the probe took too long.");
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            found = (ProbeFinding.CannotTell, $"the probe broke: {e.Message}");
        }
        found = (found.Finding, mask.Clean(found.Summary));
        await lines.Write("console", $"Asked whether the interrupted attempt took effect: {found.Summary}");
        return found;
    }

    private async Task<(ProbeFinding Finding, string Summary)> ProbeByStep(Run run, Incident incident, StepState probe, IStepLog lines, CancellationToken ct)
    {
        var result = await Attempt(run, incident, probe, lines, Never, ct);
        // A probe that could not look (no connection, no such program, killed) is no "no": only exit code 1 says it, as grep and test do.
        return (result switch { { Status: StepStatus.Succeeded } => ProbeFinding.TookEffect, { Status: StepStatus.Failed, ExitCode: 1 } => ProbeFinding.NoEffect, _ => ProbeFinding.CannotTell }, result.Summary);
    }

    public async Task<StepResult> Run(Run run, Incident incident, StepState step, IStepLog lines, Task<StepConfirmed> confirmation, CancellationToken abort, CancellationToken stop)
    {
        using var timeout = new CancellationTokenSource(step.Step.Timeout, time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, abort, stop);
        StepResult result;
        try
        {
            if (!run.DryRun) secrets.Learn();
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

    /// <summary>A question to a target is quick, or it is not answered.</summary>
    private static readonly TimeSpan ProbeTimeout = TimeSpan.FromMinutes(1);

    private static readonly Task<StepConfirmed> Never = new TaskCompletionSource<StepConfirmed>().Task;

    private async Task<StepResult> Attempt(Run run, Incident incident, StepState step, IStepLog lines, Task<StepConfirmed> confirmation, CancellationToken ct)
    {
        var kind = kinds.Find(step.Step.Uses) ?? throw new StepInputException($"This console has no step kind '{step.Step.Uses}'.");
        var call = await Call(run, incident, step, lines, confirmation, kind, ct);
        if (step.Step.If is { } condition && !run.DryRun)
        {
            var said = templates.RenderText(condition, Context(run, incident, call.RunDirectory)).Trim();
            if (said != "true")
            {
                var why = $"Left out: its condition says '{(said.Length > 100 ? said[..100] + "…" : said)}'.";
                await lines.Write("console", why);
                return new StepResult(StepStatus.Skipped, why);
            }
        }
        if (!run.DryRun) return await kind.Run(call, ct);
        foreach (var line in await kind.Preview(call, ct)) await lines.Write("console", "Would: " + line);
        return StepResult.Succeeded("Dry run: nothing was done.");
    }

    private async Task<StepCall> Call(Run run, Incident incident, StepState step, IStepLog lines, Task<StepConfirmed> confirmation, IStepKind kind, CancellationToken ct)
    {
        var directory = folders.RunPath(run.Id);
        if (!Directory.Exists(directory))
        {
            Directory.CreateDirectory(directory);
            await user.OwnRun(directory, ct);
        }
        var rendered = templates.Render(step.Step.With, kind.Schema, Context(run, incident, directory));
        return new StepCall(run.Id, step.Step, step.Attempt, new Inputs(rendered, run.DryRun ? null : secrets), directory, lines, run.Parameters,
            step.FirstStartedAt ?? time.GetUtcNow(), confirmation);
    }

    /// <summary>In a dry run no step has outputs: they show under their name, as in the preview.</summary>
    private static Dictionary<string, object> Context(Run run, Incident incident, string directory) => run.DryRun
        ? Templates.Context(run.Parameters, run.Service, run.Environment, incident, run.Id, directory, run.Reason, Templates.Placeholders(run.Steps.Select(s => s.Step)))
        : Templates.Context(run, incident, directory);
}
