using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using RollbackConsole.Engine.Runs;
using RollbackConsole.Store.Journal;

namespace RollbackConsole.Engine.Journal;

/// <summary>Where and how often checkpoints are written.</summary>
public sealed class AuditOptions
{
    /// <summary>A folder outside the database, best on another machine; empty means <c>checkpoints</c> in the data directory.</summary>
    public string Checkpoints { get; set; } = "";

    /// <summary>How much of the journal could be rewritten unseen by whoever owns database and console: the shorter, the less.</summary>
    public TimeSpan Every { get; set; } = TimeSpan.FromMinutes(5);
}

/// <summary>Writes signed checkpoints of the journal outside the database.</summary>
public sealed class CheckpointWriter(EventJournal journal, EngineFolders folders, IOptions<AuditOptions> options, TimeProvider time, ILogger<CheckpointWriter> log) : BackgroundService
{
    private readonly SemaphoreSlim _turn = new(1);

    /// <summary>The last one could not be written; runs whose policy needs an audit trail wait until it can.</summary>
    public string? Trouble { get; private set; }

    public string Folder => options.Value.Checkpoints.Length > 0 ? options.Value.Checkpoints : Path.Combine(folders.DataDirectory, "checkpoints");

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                await Try(stoppingToken);
                await Task.Delay(options.Value.Every, time, stoppingToken);
            }
        }
        catch (OperationCanceledException)
        {
            // The last of a node that stops in good order.
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(5));
            await Try(patience.Token);
        }
    }

    /// <summary>Writes a checkpoint when the journal has grown; null when it has not.</summary>
    public async Task<Checkpoint?> Write(CancellationToken ct)
    {
        await _turn.WaitAsync(ct);
        try
        {
            Directory.CreateDirectory(Folder);
            var file = OwnFile;
            var (position, previous) = await CheckpointFile.Last(file, ct);
            if ((await journal.Search(new JournalSearch(Limit: 1), ct)).FirstOrDefault() is not { } newest || newest.Position <= position) return null;
            using var key = CheckpointKey.OpenOrCreate(folders.DataDirectory);
            var checkpoint = Checkpoint.Sign(newest.Position, newest.Hash, time.GetUtcNow(), folders.Node, previous, key);
            await using var stream = new FileStream(file, FileMode.Append, FileAccess.Write, FileShare.Read);
            // A node that died in the middle of a line must not spoil the next one.
            var start = stream.Position > 0 && !EndsWithNewLine(file) ? Environment.NewLine : "";
            await stream.WriteAsync(System.Text.Encoding.UTF8.GetBytes(start + checkpoint.ToLine() + Environment.NewLine), ct);
            await stream.FlushAsync(ct);
            return checkpoint;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Verifies the journal against every checkpoint that this data directory's key has signed, under whatever name the node ran then.</summary>
    public async Task<ChainReport> Verify(CancellationToken ct)
    {
        using var key = CheckpointKey.FindPublic(folders.DataDirectory);
        var (checkpoints, faults, others) = key is not null ? await CheckpointFile.ReadSigned(Folder, OwnFile, key, ct) : ([], [], 0);
        var report = await ChainVerifier.Verify(journal, ct, checkpoints);
        if (report.Holds && faults.Count > 0) return new ChainReport(report.Checked, 0, string.Join(" ", faults));
        // The other nodes' files are signed with their own keys: each node answers for its own.
        return others == 0 ? report : report with { Summary = $"{report.Summary} {others} {(others == 1 ? "file is" : "files are")} signed with other nodes' keys and {(others == 1 ? "was" : "were")} not compared; verify there, or give their key." };
    }

    /// <summary>Nodes that share a folder write files of their own.</summary>
    private string OwnFile => Path.Combine(Folder, $"{string.Concat(folders.Node.Select(c => char.IsLetterOrDigit(c) || c is '.' or '-' ? c : '_'))}.jsonl");

    private static bool EndsWithNewLine(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        stream.Seek(-1, SeekOrigin.End);
        return stream.ReadByte() == '\n';
    }

    private async Task Try(CancellationToken ct)
    {
        try
        {
            await Write(ct);
            Trouble = null;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            Trouble = e.Message;
            log.LogError(e, "No checkpoint of the journal could be written to {Folder}", Folder);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // The node stops; what is not written now is written by the next start.
        }
    }
}
