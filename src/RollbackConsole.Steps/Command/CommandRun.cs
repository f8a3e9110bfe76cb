using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Steps.Running;

namespace RollbackConsole.Steps.Command;

/// <summary><c>command/run</c>: one program with an argument vector. Exit code 0 is success.</summary>
public sealed class CommandRun(ProcessRunner processes, Targets targets) : IStepKind
{
    public StepKindSchema Schema { get; } = new("command/run", "Run a command", Effect.Once, Destructive: false,
    [
        new("argv", InputType.TextList, true, "the program and its arguments; each is handed over as it is, no shell reads it"),
        new("directory", InputType.Text, false, "a configured folder's name; the run's own folder when left out"),
        new("environment", InputType.TextMap, false, "variables for the process, added to PATH, HOME and LANG"),
    ]);

    public Task<IReadOnlyList<string>> Preview(StepCall call, CancellationToken ct)
    {
        var environment = call.With.Map("environment");
        IReadOnlyList<string> lines =
        [
            "Runs " + string.Join(' ', call.With.List("argv").Select(Quote)),
            "in " + Directory(call),
            .. environment.Select(e => $"with {e.Key}={e.Value}"),
        ];
        return Task.FromResult(lines);
    }

    public async Task<StepResult> Run(StepCall call, CancellationToken ct)
    {
        var argv = call.With.List("argv");
        var code = await processes.Run(call, new ProcessSpec(Program(argv, Directory(call)), Directory(call), call.With.Map("environment")), ct);
        return await StepOutputs.Result(call, code);
    }

    /// <summary>A program named with a path is looked for in the step's folder, not in the console's.</summary>
    internal static IReadOnlyList<string> Program(IReadOnlyList<string> argv, string directory) =>
        argv[0].Contains('/') && !Path.IsPathRooted(argv[0]) ? [Path.GetFullPath(Path.Combine(directory, argv[0])), .. argv.Skip(1)] : argv;

    /// <summary>For reading only: shows where one argument ends and the next begins.</summary>
    internal static string Quote(string argument) =>
        argument.Length > 0 && argument.All(c => char.IsAsciiLetterOrDigit(c) || "-_./:=@%+,".Contains(c)) ? argument
        : "'" + argument.Replace("'", "'\\''", StringComparison.Ordinal) + "'";

    private string Directory(StepCall call) => call.With.TextOrNull("directory") is { } name ? targets.Directory(name) : call.RunDirectory;
}
