using RollbackConsole.Domain.Runs;

namespace RollbackConsole.Steps.Running;

/// <summary>How a process hands values to later steps: lines <c>name=value</c> in the file that <c>ROLLBACK_CONSOLE_OUTPUTS</c> names.</summary>
public static class StepOutputs
{
    public const string Variable = "ROLLBACK_CONSOLE_OUTPUTS";

    /// <summary>Bytes; outputs go into the journal and are meant for addresses and versions, not for reports.</summary>
    private const int Largest = 64 * 1024;

    public static string File(StepCall call) => Path.Combine(call.RunDirectory, $"{call.Step.Id}-{call.Attempt}.outputs");

    /// <summary>What came of a process: its exit code and what it wrote. Outputs that cannot be read are a failure, not an error: the process did run.</summary>
    public static async Task<StepResult> Result(StepCall call, int exitCode)
    {
        try
        {
            var outputs = await Read(call, exitCode);
            return exitCode == 0 ? StepResult.Succeeded("Ended with exit code 0.", outputs, 0) : StepResult.Failed($"Ended with exit code {exitCode}.", exitCode, outputs);
        }
        catch (Exception e) when (e is StepInputException or IOException)
        {
            return StepResult.Failed($"Ended with exit code {exitCode}, but its outputs cannot be read: {e.Message}", exitCode);
        }
    }

    private static async Task<Dictionary<string, string>> Read(StepCall call, int exitCode)
    {
        var outputs = new Dictionary<string, string>(StringComparer.Ordinal) { ["exitCode"] = $"{exitCode}" };
        if (!System.IO.File.Exists(File(call))) return outputs;
        foreach (var line in (await RunFile.Read(File(call), CancellationToken.None, Largest)).Split('\n').Select(l => l.TrimEnd('\r')))
        {
            if (line.Length == 0) continue;
            var equals = line.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0) throw new StepInputException("An output is written name=value; one line is not.");
            outputs[line[..equals]] = line[(equals + 1)..];
        }
        return outputs;
    }
}
