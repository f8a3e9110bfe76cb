using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Steps.Running;

namespace RollbackConsole.Steps.Command;

/// <summary><c>script/run</c>: a reviewed body for an interpreter. Parameters come in as variables <c>PARAMETER_NAME</c>;
/// nothing is rendered into the body, so no value can become code.</summary>
public sealed class ScriptRun(ProcessRunner processes, Targets targets) : IStepKind
{
    public StepKindSchema Schema { get; } = new("script/run", "Run a script", Effect.Once, Destructive: false,
    [
        new("body", InputType.Verbatim, true, "the script, as reviewed; parameters are the variables PARAMETER_<NAME>"),
        new("interpreter", InputType.Text, false, "the program that reads the script's file; bash when left out"),
        new("directory", InputType.Text, false, "a configured folder's name; the run's own folder when left out"),
        new("environment", InputType.TextMap, false, "more variables for the process"),
    ]);

    public Task<IReadOnlyList<string>> Preview(StepCall call, CancellationToken ct)
    {
        IReadOnlyList<string> lines =
        [
            $"Runs this {Interpreter(call)} script in {Directory(call)}:",
            .. call.With.Text("body").TrimEnd().Split('\n').Select(l => "  " + l),
            .. Environment(call).Select(e => $"with {e.Key}={e.Value}"),
        ];
        return Task.FromResult(lines);
    }

    public async Task<StepResult> Run(StepCall call, CancellationToken ct)
    {
        var file = Path.Combine(call.RunDirectory, $"{call.Step.Id}-{call.Attempt}.script");
        await RunFile.Write(file, call.With.Text("body"), ct);
        var code = await processes.Run(call, new ProcessSpec([Interpreter(call), file], Directory(call), Environment(call)), ct);
        return await StepOutputs.Result(call, code);
    }

    private static Dictionary<string, string> Environment(StepCall call)
    {
        var all = call.Parameters.ToDictionary(p => "PARAMETER_" + p.Key.ToUpperInvariant(), p => p.Value, StringComparer.Ordinal);
        foreach (var (name, value) in call.With.Map("environment")) all[name] = value;
        return all;
    }

    private static string Interpreter(StepCall call) => call.With.TextOrNull("interpreter") ?? "bash";

    private string Directory(StepCall call) => call.With.TextOrNull("directory") is { } name ? targets.Directory(name) : call.RunDirectory;
}
