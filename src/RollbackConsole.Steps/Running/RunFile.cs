using System.Globalization;

namespace RollbackConsole.Steps.Running;

/// <summary>The console's own files in a run's folder. Step processes can write there too, under another user perhaps: no link that one of them laid leads the console anywhere else.</summary>
internal static class RunFile
{
    /// <summary>A file of our own, made anew: what stood under its name is removed, not followed.</summary>
    public static async Task Write(string path, string text, CancellationToken ct)
    {
        File.Delete(path);
        await using var stream = new FileStream(path, FileMode.CreateNew, FileAccess.Write);
        await using var writer = new StreamWriter(stream);
        await writer.WriteAsync(text.AsMemory(), ct);
    }

    /// <exception cref="StepInputException">The file is a link to somewhere else, or too long.</exception>
    public static async Task<string> Read(string path, CancellationToken ct, int largest = 64 * 1024)
    {
        await using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        // Asked of the open file, so that nobody can exchange it in between.
        var real = File.ResolveLinkTarget($"/proc/self/fd/{stream.SafeFileHandle.DangerousGetHandle().ToInt64().ToString(CultureInfo.InvariantCulture)}", returnFinalTarget: false)?.FullName;
        if (real != Path.GetFullPath(path)) throw new StepInputException($"{Path.GetFileName(path)} leads somewhere else; it is not read.");
        if (stream.Length > largest) throw new StepInputException($"The outputs have {stream.Length} bytes; {largest} are the most.");
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync(ct);
    }
}
