namespace RollbackConsole.Domain.Library;

/// <summary>A YAML document as a tree that remembers where everything stood, so that every complaint has a place.</summary>
public abstract record DocumentNode(int Line, int Column);

/// <param name="Plain">Written without quotes, so that <c>true</c>, <c>12</c> and <c>null</c> may mean more than text.</param>
public sealed record ScalarNode(string Value, bool Plain, int Line, int Column) : DocumentNode(Line, Column);

public sealed record ListNode(IReadOnlyList<DocumentNode> Items, int Line, int Column) : DocumentNode(Line, Column);

public sealed record MapNode(IReadOnlyList<MapEntry> Entries, int Line, int Column) : DocumentNode(Line, Column)
{
    public DocumentNode? this[string key] => Entries.FirstOrDefault(e => e.Key.Value == key)?.Value;
}

public sealed record MapEntry(ScalarNode Key, DocumentNode Value);

/// <summary>Something wrong in a document: where, and what to do about it.</summary>
/// <param name="Path">For example <c>steps[2].with.argv</c>.</param>
public sealed record DocumentError(int Line, int Column, string Path, string Message);
