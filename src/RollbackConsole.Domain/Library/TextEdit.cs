namespace RollbackConsole.Domain.Library;

/// <summary>Changes single values in a document's text and leaves everything else, comments included, as its author wrote it.</summary>
public static class TextEdit
{
    /// <exception cref="ArgumentException">The node does not stand in the text where it says.</exception>
    public static string Replace(string text, ScalarNode node, string value)
    {
        var start = Offset(text, node.Line, node.Column);
        // A quoted value begins behind its quote.
        if (!node.Plain && start >= 0) start++;
        return start >= 0 && string.CompareOrdinal(text, start, node.Value, 0, node.Value.Length) == 0
            ? string.Concat(text.AsSpan(0, start), value, text.AsSpan(start + node.Value.Length))
            : throw new ArgumentException($"'{node.Value}' does not stand at line {node.Line}, column {node.Column}.", nameof(node));
    }

    private static int Offset(string text, int line, int column)
    {
        var at = 0;
        for (var l = 1; l < line; l++)
        {
            at = text.IndexOf('\n', at) + 1;
            if (at == 0) return -1;
        }
        return at + column - 1 <= text.Length ? at + column - 1 : -1;
    }
}
