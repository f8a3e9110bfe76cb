using System.ComponentModel;
using System.Diagnostics;
using RollbackConsole.Steps.Secrets;

namespace RollbackConsole.Steps.Running;

/// <summary>What to start: an argument vector and an environment, never a shell line.</summary>
public sealed record ProcessSpec(IReadOnlyList<string> Arguments, string Directory, IReadOnlyDictionary<string, string> Environment)
{
    /// <summary>Written to standard input, then closed.</summary>
    public Func<Stream, CancellationToken, Task>? Input { get; init; }

    /// <summary>Reads standard output instead of the log.</summary>
    public Func<Stream, CancellationToken, Task>? Output { get; init; }
}

/// <summary>Starts a step's process, streams its lines, and ends it with all its children when the step is cancelled.</summary>
public sealed class ProcessRunner(SecretMask mask, StepUser user, TimeProvider time)
{
    /// <summary>Marks every descendant, so that one that left its parent is found and ended as well.</summary>
    private const string Marker = "ROLLBACK_CONSOLE_ATTEMPT";

    /// <summary>A child that was left running on purpose holds the pipe open; its parent's step is over all the same.</summary>
    private static readonly TimeSpan AfterExit = TimeSpan.FromMilliseconds(500);

    private static readonly string[] Inherited = ["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ"];

    /// <summary>The exit code; 128 + n when signal n ended the process.</summary>
    /// <exception cref="StepInputException">The program cannot be started.</exception>
    public async Task<int> Run(StepCall call, ProcessSpec spec, CancellationToken ct)
    {
        var mark = $"{Attempt(call.RunId, call.Step.Id, call.Attempt)}{Guid.NewGuid():N}";
        using var process = Start(spec, call, mark);
        var pump = new LinePump(call.Log, mask);
        // Not tied to ct: what a process wrote before it was ended is still read.
        using var reading = new CancellationTokenSource();
        var output = spec.Output is { } reader ? reader(process.StandardOutput.BaseStream, reading.Token) : pump.Run(process.StandardOutput.BaseStream, "out", reading.Token);
        var errors = pump.Run(process.StandardError.BaseStream, "err", reading.Token);
        var input = Feed(process, spec, reading.Token);
        try
        {
            await process.WaitForExitAsync(ct);
            var streams = Task.WhenAll(output, errors);
            if (spec.Output is null && !await Drained(streams, pump, ct))
            {
                await call.Log.Write("console", "The process ended but left children behind that keep its output open; they go on, their output is not read any more.");
                await reading.CancelAsync();
            }
            await streams.WaitAsync(ct);
            await reading.CancelAsync();
            await Quietly(input, reading.Token);
            return process.ExitCode;
        }
        catch (OperationCanceledException)
        {
            await KillAll(process, mark);
            reading.CancelAfter(AfterExit);
            await Quietly(Task.WhenAll(output, errors, input), reading.Token);
            throw;
        }
    }

    /// <summary>True when the streams ended; false when nothing has come for a while although they are open. A log that is slow to take lines is no silence.</summary>
    private async Task<bool> Drained(Task streams, LinePump pump, CancellationToken ct)
    {
        while (true)
        {
            var reads = pump.Reads;
            if (await Task.WhenAny(streams, Task.Delay(AfterExit, time, ct)) == streams) return true;
            ct.ThrowIfCancellationRequested();
            if (pump.Waiting && pump.Reads == reads) return false;
        }
    }

    /// <summary>Ends what an attempt left running on this machine because its console was killed; nobody watches over it any more.</summary>
    /// <returns>How many processes were ended.</returns>
    public static int EndLeftovers(string runId, string step, int attempt) => EndMarked(Attempt(runId, step, attempt));

    private static string Attempt(string runId, string step, int attempt) => $"{runId}/{step}/{attempt}/";

    private Process Start(ProcessSpec spec, StepCall call, string mark)
    {
        var arguments = user.Wrap(spec.Arguments);
        var start = new ProcessStartInfo(arguments[0])
        {
            WorkingDirectory = spec.Directory, UseShellExecute = false,
            RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true,
        };
        foreach (var argument in arguments.Skip(1)) start.ArgumentList.Add(argument);
        // A clean environment: what the console knows (connection strings, tokens) is not the step's business.
        var own = Inherited.Where(user.Inherits).Select(n => (n, Environment.GetEnvironmentVariable(n))).ToList();
        start.Environment.Clear();
        foreach (var (name, value) in own)
            if (value is not null) start.Environment[name] = value;
        start.Environment["ROLLBACK_CONSOLE_RUN"] = call.RunId;
        start.Environment["ROLLBACK_CONSOLE_STEP"] = call.Step.Id;
        start.Environment[Marker] = mark;
        start.Environment[StepOutputs.Variable] = StepOutputs.File(call);
        foreach (var (name, value) in spec.Environment) start.Environment[name] = value;
        try
        {
            return Process.Start(start) ?? throw new StepInputException($"{spec.Arguments[0]} could not be started.");
        }
        catch (Exception e) when (e is Win32Exception or ArgumentException or DirectoryNotFoundException)
        {
            throw new StepInputException($"'{spec.Arguments[0]}' could not be started in {spec.Directory}: {e.Message}");
        }
    }

    private static async Task Feed(Process process, ProcessSpec spec, CancellationToken ct)
    {
        try
        {
            if (spec.Input is { } write) await write(process.StandardInput.BaseStream, ct);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // The process closed its input or ended; its exit code tells the story.
        }
    }

    private static async Task Quietly(Task task, CancellationToken ended)
    {
        try
        {
            await task.WaitAsync(TimeSpan.FromSeconds(5), CancellationToken.None);
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
            // We stopped reading ourselves.
        }
        catch (TimeoutException) when (ended.IsCancellationRequested)
        {
            // A pipe read that cannot be cancelled ends with the process's last child.
        }
    }

    private static async Task KillAll(Process process, string mark)
    {
        Kill(process);
        // Twice: a child may fork between the look and the kill.
        for (var round = 0; round < 2; round++) EndMarked(mark);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        await process.WaitForExitAsync(patience.Token);
    }

    private static int EndMarked(string mark)
    {
        var ended = 0;
        foreach (var id in Marked(mark))
        {
            try
            {
                using var child = Process.GetProcessById(id);
                child.Kill();
                ended++;
            }
            catch (Exception e) when (e is ArgumentException or InvalidOperationException or Win32Exception)
            {
                // It ended by itself in the meantime.
            }
        }
        return ended;
    }

    private static void Kill(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception or AggregateException)
        {
            // It ended by itself in the meantime.
        }
    }

    private static IEnumerable<int> Marked(string mark)
    {
        var wanted = System.Text.Encoding.UTF8.GetBytes($"{Marker}={mark}");
        foreach (var folder in System.IO.Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), out var id)) continue;
            byte[] environment;
            try
            {
                environment = File.ReadAllBytes(Path.Combine(folder, "environ"));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Gone already, or another user's: not ours either way.
                continue;
            }
            if (environment.AsSpan().IndexOf(wanted) >= 0) yield return id;
        }
    }
}
