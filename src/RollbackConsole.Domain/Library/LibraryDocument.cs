using RollbackConsole.Domain.Journal;

namespace RollbackConsole.Domain.Library;

/// <summary>Kinds of documents that share one way of being kept; plans have their own stream, because runs embed them.</summary>
public enum LibraryKind { Catalog, Matrices, Escalations, Policies }

/// <summary>A document before it was read further: its name, its title and what is wrong with it.</summary>
public sealed record DocumentReading<T>(string? Name, string? Title, T? Document, string? Digest, IReadOnlyList<DocumentError> Errors, IReadOnlyList<DocumentError> Warnings) where T : class
{
    public bool Valid => Document is not null && Errors.Count == 0;
}

[EventKind("library.version.added")]
public sealed record DocumentVersionAdded(
    LibraryKind Kind, string Name, int Version, string Digest, string Title, string Source, Person By, DateTimeOffset At) : IEvent;

public static class DocumentHistory
{
    public static VersionHistory Apply(VersionHistory state, IEvent e) => e is DocumentVersionAdded added
        ? state.With(added.Version, added.Digest)
        : throw new InvalidOperationException($"{e.GetType().Name} does not belong to a library document.");

    /// <param name="basedOn">The digest that the change was made on; null overwrites whatever is in force.</param>
    public static Decision Add(VersionHistory state, LibraryKind kind, string name, string title, string digest, string source, Arrival arrival, string? basedOn, Person by, DateTimeOffset at) =>
        basedOn is not null && state.NewestDigest != basedOn
            ? Decision.Conflict($"Somebody kept version {state.Versions} of {name} since you opened it. Open it anew and put your change in.")
            : state.Takes(digest, arrival)
            ? Decision.Accept(new DocumentVersionAdded(kind, name, state.Versions + 1, digest, title, source, by, at))
            : Decision.Accept();
}
