using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Engine.Runs;
using RollbackConsole.Steps;
using RollbackConsole.Steps.Running;
using RollbackConsole.Steps.Secrets;

namespace RollbackConsole.Engine.Plans;

/// <summary>What one step would do, in sentences.</summary>
public sealed record StepPreview(
    string Id, string Title, string Uses, Effect Effect, bool Destructive, OnFailure OnFailure, TimeSpan Timeout, int Attempts,
    IReadOnlyList<string> Needs, StepPart Part, IReadOnlyList<string> Does, string? Problem);

/// <summary>Shows exactly what would run, with what, where, without doing it.</summary>
public sealed class PlanPreview(StepKinds kinds, Templates templates, SecretMask mask, EngineFolders folders, TimeProvider time)
{
    /// <exception cref="RefusedException">The parameters do not fit the plan.</exception>
    public async Task<IReadOnlyList<StepPreview>> Of(
        Plan plan, IReadOnlyDictionary<string, string> parameters, string service, string environment, Incident incident, string runId, string reason, CancellationToken ct)
    {
        var (values, refusal) = ParameterValues.Bind(plan, parameters);
        if (refusal is not null) throw new RefusedException(refusal);
        // What runs only when a step fails is approved with the rest, so it is shown with the rest.
        var steps = plan.Steps.Select(s => (Step: s, Part: StepPart.Step)).Concat(plan.Checks.Select(c => (Step: c, Part: StepPart.Check)))
            .Concat(plan.Steps.Where(s => s.Undo is not null).Reverse().Select(s => (Step: s.Undo!, Part: StepPart.Undo))).Concat(plan.Recovery.Select(r => (Step: r, Part: StepPart.Recovery)))
            .Concat((plan.Emergency ?? []).Select(r => (Step: r, Part: StepPart.Emergency))).ToList();
        // Outputs do not exist yet: they show under their name.
        var outputs = Templates.Placeholders(steps.Select(s => s.Step));
        var directory = folders.RunPath(runId);
        var context = Templates.Context(values, service, environment, incident, runId, directory, reason, outputs);
        var previews = new List<StepPreview>();
        foreach (var (step, part) in steps)
        {
            var kind = kinds.Find(step.Uses);
            var (does, problem) = await Describe(kind, step, values, context, runId, directory, ct);
            previews.Add(new StepPreview(step.Id, step.Title, step.Uses, step.Effect, step.Destructive ?? kind?.Schema.Destructive ?? false, step.OnFailure, step.Timeout,
                step.Attempts, step.Needs, part, [.. does.Select(mask.Clean)], problem is null ? null : mask.Clean(problem)));
        }
        return previews;
    }

    private async Task<(IReadOnlyList<string> Does, string? Problem)> Describe(
        IStepKind? kind, PlanStep step, IReadOnlyDictionary<string, string> values, object context, string runId, string directory, CancellationToken ct)
    {
        if (kind is null) return ([], $"This console has no step kind '{step.Uses}'.");
        try
        {
            var with = new Inputs(templates.Render(step.With, kind.Schema, context), secrets: null);
            var call = new StepCall(runId, step, 1, with, directory, NoLog.Instance, values, time.GetUtcNow(), Task.FromCanceled<StepConfirmed>(new(true)));
            var does = await kind.Preview(call, ct);
            return (step.If is { } condition ? [$"Only if {condition} is true:", .. does] : does, null);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // Whatever one step's preview stumbles over belongs on the page, beside the others.
            return ([], e.Message);
        }
    }

    private sealed class NoLog : IStepLog
    {
        public static readonly NoLog Instance = new();

        public ValueTask Write(string stream, string text) => ValueTask.CompletedTask;
    }
}
