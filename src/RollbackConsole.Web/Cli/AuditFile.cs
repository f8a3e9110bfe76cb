using System.Text.Json;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Store.Journal;

namespace RollbackConsole.Web.Cli;

/// <summary>The journal as a file of JSON lines that anybody can verify without the database.</summary>
public static class AuditFile
{
    private const int PageSize = 1000;

    public static async Task<long> Export(EventJournal journal, string file, CancellationToken ct)
    {
        await using var stream = File.Create(file);
        return await Export(journal, stream, ct);
    }

    public static async Task<long> Export(EventJournal journal, Stream stream, CancellationToken ct)
    {
        await using var writer = new StreamWriter(stream, leaveOpen: true);
        long count = 0;
        for (long after = 0; ;)
        {
            var entries = await journal.Read(after, PageSize, ct: ct);
            foreach (var entry in entries) await writer.WriteLineAsync(JsonSerializer.Serialize(entry, DomainJson.Options));
            count += entries.Count;
            if (entries.Count < PageSize) return count;
            after = entries[^1].Position;
        }
    }

    /// <param name="checkpoints">Checkpoints that were kept elsewhere, in order of position.</param>
    public static async Task<ChainReport> Verify(string file, CancellationToken ct, IReadOnlyList<Checkpoint>? checkpoints = null)
    {
        var verifier = new ChainVerifier(checkpoints);
        await foreach (var line in File.ReadLinesAsync(file, ct))
        {
            JournalEntry? entry;
            try
            {
                entry = JsonSerializer.Deserialize<JournalEntry>(line, DomainJson.Options);
            }
            catch (JsonException)
            {
                return new ChainReport(verifier.Report.Checked, verifier.Report.Checked + 1, $"The line after position {verifier.Report.Checked} is no journal row.");
            }
            if (entry is null || !verifier.Check(entry)) return verifier.Report;
        }
        return verifier.End();
    }
}
