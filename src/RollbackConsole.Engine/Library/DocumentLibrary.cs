using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Approvals;
using RollbackConsole.Domain.Catalog;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Library;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Store.Journal;
using RollbackConsole.Store.Library;

namespace RollbackConsole.Engine.Library;

/// <summary>A kept version, and what its reader had to say about it.</summary>
public sealed record KeptDocument(LibraryKind Kind, string Name, int Version, string Digest, IReadOnlyList<DocumentError> Warnings);

/// <summary>The library of catalog entries, matrices and escalations: read strictly, kept as immutable versions, read back from memory.</summary>
public sealed class DocumentLibrary(EventJournal journal, LibraryRows rows, TimeProvider time)
{
    /// <summary>Another node's edit is seen after this time at the latest.</summary>
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    private readonly Dictionary<LibraryKind, Shelf> _shelves = [];
    private readonly SemaphoreSlim _turn = new(1);

    /// <summary>Reads a document without keeping it.</summary>
    public DocumentReading<object> Read(LibraryKind kind, string yaml)
    {
        var (root, errors) = YamlDocument.Read(yaml);
        if (root is null) return new(null, null, null, null, errors, []);
        return kind switch
        {
            LibraryKind.Catalog => Plain(CatalogReader.Read(root)),
            LibraryKind.Matrices => Plain(MatrixReader.Read(root)),
            LibraryKind.Escalations => Plain(EscalationReader.Read(root)),
            LibraryKind.Policies => Plain(PolicyReader.Read(root)),
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "Unknown kind."),
        };
    }

    /// <summary>Keeps a version.</summary>
    /// <param name="name">The name it is meant for; null takes the document's own.</param>
    /// <param name="basedOn">The digest that the change was made on, so that two editors cannot overwrite each other unseen.</param>
    /// <exception cref="InvalidDocumentException">The document has errors, or contradicts the others; nothing was kept.</exception>
    public async Task<KeptDocument> Put(Actor actor, LibraryKind kind, string? name, string yaml, Arrival arrival, CancellationToken ct, string? basedOn = null)
    {
        actor.Require(Permission.EditLibrary);
        var reading = Read(kind, yaml);
        if (!reading.Valid) throw new InvalidDocumentException(reading.Errors);
        if (name is not null && reading.Name != name) throw new InvalidDocumentException([new(1, 1, "", $"The document is called '{reading.Name}', but the address says '{name}'.")]);
        if (arrival != Arrival.Put && (await journal.Load(Streams.Library, Id(kind, reading.Name!), ct)).State is var known && !known.Takes(reading.Digest!, arrival))
            return new KeptDocument(kind, reading.Name!, known.ByDigest.GetValueOrDefault(reading.Digest!, known.Versions), reading.Digest!, reading.Warnings);
        // What the product ships must never stop a start, whatever the library says meanwhile.
        if (arrival != Arrival.Standard) await CheckAgainstOthers(kind, reading, ct);
        var now = time.GetUtcNow();
        var history = await journal.Execute(Streams.Library, Id(kind, reading.Name!),
            s => DocumentHistory.Add(s, kind, reading.Name!, reading.Title!, reading.Digest!, yaml, arrival, basedOn, actor.Person, now), actor.Person, now, ct);
        await _turn.WaitAsync(ct);
        _shelves.Remove(kind);
        _turn.Release();
        return new KeptDocument(kind, reading.Name!, history.State.ByDigest.GetValueOrDefault(reading.Digest!, history.State.Versions), reading.Digest!, reading.Warnings);
    }

    /// <summary>The newest version of every document of a kind, read.</summary>
    public async Task<IReadOnlyList<T>> All<T>(LibraryKind kind, CancellationToken ct = default) where T : class
    {
        await _turn.WaitAsync(ct);
        try
        {
            var now = time.GetUtcNow();
            if (_shelves.TryGetValue(kind, out var shelf) && now - shelf.LookedAt < LookEvery && now >= shelf.LookedAt) return [.. shelf.Documents.Cast<T>()];
            var stamp = await rows.Stamp(kind, ct);
            if (shelf?.Stamp == stamp) shelf = shelf with { LookedAt = now };
            else
            {
                // A newer console may have kept what this one cannot read: the others must still be found.
                var readings = (await rows.Newest(kind, ct)).Select(r => Read(kind, r.Source)).ToList();
                shelf = new Shelf(stamp, now, [.. readings.Where(r => r.Valid).Select(r => r.Document!)], readings.Count(r => !r.Valid));
            }
            _shelves[kind] = shelf;
            return [.. shelf.Documents.Cast<T>()];
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Documents of a kind that the last look could not read.</summary>
    public int Unreadable(LibraryKind kind) => _shelves.TryGetValue(kind, out var shelf) ? shelf.Unreadable : 0;

    private async Task CheckAgainstOthers(LibraryKind kind, DocumentReading<object> reading, CancellationToken ct)
    {
        if (reading.Document is not Matrix matrix) return;
        if (matrix.Name == Matrix.Platform && matrix.Type != MatrixType.Severity)
            throw new InvalidDocumentException([new(1, 1, "type", $"The matrix '{Matrix.Platform}' holds for every service and gives the times to decide; it must be of type severity.")]);
        foreach (var other in (await All<Matrix>(kind, ct)).Where(m => m.Name != matrix.Name))
            foreach (var signal in matrix.Signals)
                if (other.Signal(signal.Name) is { } known && known.Unit != signal.Unit)
                    throw new InvalidDocumentException([new(1, 1, "signals." + signal.Name, $"The matrix '{other.Name}' gives '{signal.Name}' as a {known.Unit.ToString().ToLowerInvariant()}; one name has one meaning.")]);
    }

    private static DocumentReading<object> Plain<T>(DocumentReading<T> r) where T : class => new(r.Name, r.Title, r.Document, r.Digest, r.Errors, r.Warnings);

    private static string Id(LibraryKind kind, string name) => $"{kind.ToString().ToLowerInvariant()}/{name}";

    private sealed record Shelf(long Stamp, DateTimeOffset LookedAt, IReadOnlyList<object> Documents, int Unreadable);
}
