namespace RollbackConsole.Steps.Running;

/// <summary>How a process hands values to later steps: lines <c>name=value</c> in the file that <c>ROLLBACK_CONSOLE_OUTPUTS</c> names.</summary>
public static class StepOutputs
{
    public const string Variable = "ROLLBACK_CONSOLE_OUTPUTS";

    /// <summary>Bytes; outputs go into the journal and are meant for addresses and versions, not for reports.</summary>
    private const int Largest = 64 * 1024;

    public static string File(StepCall call) => Path.Combine(call.RunDirectory, $"{call.Step.Id}-{call.Attempt}.outputs");

    /// <summary>What the process wrote, with its exit code.</summary>
    /// <exception cref="StepInputException">The file is too large, or a line is no name=value.</exception>
    public static async Task<Dictionary<string, string>> Read(StepCall call, int exitCode, CancellationToken ct)
    {
        var outputs = new Dictionary<string, string>(StringComparer.Ordinal) { ["exitCode"] = $"{exitCode}" };
        var file = new FileInfo(File(call));
        if (!file.Exists) return outputs;
        if (file.Length > Largest) throw new StepInputException($"The outputs have {file.Length} bytes; {Largest} are the most.");
        foreach (var line in await System.IO.File.ReadAllLinesAsync(file.FullName, ct))
        {
            if (line.Length == 0) continue;
            var equals = line.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0) throw new StepInputException($"An output is written name=value; this is '{line}'.");
            outputs[line[..equals]] = line[(equals + 1)..];
        }
        return outputs;
    }
}
