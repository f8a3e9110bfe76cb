using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace RollbackConsole.Store.Journal;

/// <summary>Where the chain breaks, or that it holds.</summary>
/// <param name="Checked">Rows looked at.</param>
/// <param name="BrokenAt">The first position that does not follow from the one before it.</param>
public sealed record ChainReport(long Checked, long? BrokenAt, string Summary)
{
    public bool Holds => BrokenAt is null;
}

/// <summary>Recomputes the hash chain outside the database, from the rows alone.</summary>
/// <param name="checkpoints">What the hash was at some positions, as signed outside the database; in order of position.</param>
public sealed class ChainVerifier(IReadOnlyList<Checkpoint>? checkpoints = null)
{
    private int _next;
    private long _position;
    private string _hash = "";

    public ChainReport Report { get; private set; } = new(0, null, "The journal is empty.");

    /// <summary>Checks the next row; false from the first break on.</summary>
    public bool Check(JournalEntry entry)
    {
        if (!Report.Holds) return false;
        if (entry.Position != _position + 1) return Break(entry.Position, $"Position {_position + 1} is missing: {entry.Position} follows {_position}.");
        if (entry.Hash != Hash(_hash, entry)) return Break(entry.Position, $"The row at position {entry.Position} was changed after it was written, or one before it was.");
        _position = entry.Position;
        _hash = entry.Hash;
        for (; _next < (checkpoints?.Count ?? 0) && checkpoints![_next].Position == _position; _next++)
            if (checkpoints[_next].Hash != _hash) return Break(_position, $"The checkpoint of {checkpoints[_next].At:yyyy-MM-dd HH:mm} UTC says that the hash at position {_position} was {checkpoints[_next].Hash}; it is {_hash}. Everything up to here was rewritten.");
        Report = new ChainReport(_position, null, $"The chain of {_position} rows holds; the last hash is {_hash}.");
        return true;
    }

    /// <summary>To be asked when there are no more rows: a checkpoint beyond the end means that the end was cut off.</summary>
    public ChainReport End()
    {
        if (Report.Holds && _next < (checkpoints?.Count ?? 0))
            Break(_position + 1, $"The journal ends at position {_position}, but the checkpoint of {checkpoints![^1].At:yyyy-MM-dd HH:mm} UTC was taken at {checkpoints[^1].Position}: the end was cut off.");
        else if (Report.Holds && _next > 0) Report = Report with { Summary = $"{Report.Summary} {_next} signed {(_next == 1 ? "checkpoint agrees" : "checkpoints agree")}, the last at position {checkpoints![_next - 1].Position}." };
        else if (Report.Holds) Report = Report with { Summary = $"{Report.Summary} No signed checkpoint was at hand to compare it with." };
        return Report;
    }

    public static async Task<ChainReport> Verify(EventJournal journal, CancellationToken ct, IReadOnlyList<Checkpoint>? checkpoints = null)
    {
        const int Page = 1000;
        var verifier = new ChainVerifier(checkpoints);
        for (long after = 0; ;)
        {
            var entries = await journal.Read(after, Page, ct: ct);
            foreach (var entry in entries)
                if (!verifier.Check(entry)) return verifier.Report;
            if (entries.Count < Page) return verifier.End();
            after = entries[^1].Position;
        }
    }

    /// <summary>The same text that the database hashes in <c>journal_hash</c>.</summary>
    private static string Hash(string previous, JournalEntry e) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n',
        previous, e.Position.ToString(CultureInfo.InvariantCulture), e.Stream, e.Version.ToString(CultureInfo.InvariantCulture),
        e.At.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture), e.Actor, e.Kind, e.Data))));

    private bool Break(long position, string why)
    {
        Report = new ChainReport(_position, position, why);
        return false;
    }
}
