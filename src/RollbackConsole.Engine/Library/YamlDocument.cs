using RollbackConsole.Domain.Library;
using RollbackConsole.Domain.Plans;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace RollbackConsole.Engine.Library;

/// <summary>Reads YAML into a tree with places. Anchors, aliases, tags, several documents and doubled keys are refused:
/// plans need none of them, and they are how a small file becomes a large one.</summary>
public static class YamlDocument
{
    /// <summary>Characters (contract: a larger plan is refused).</summary>
    public const int Largest = 1024 * 1024;

    /// <summary>Levels; a plan needs six.</summary>
    private const int Deepest = 32;

    /// <summary>Keys, texts and lists in one document; far more than the longest plan holds.</summary>
    private const int MostNodes = 50_000;

    private const int LongestKeyShown = 80;

    private const int MostErrors = 100;

    public static (DocumentNode? Root, IReadOnlyList<DocumentError> Errors) Read(string yaml)
    {
        if (yaml.Length > Largest) return (null, [new(1, 1, "", $"The document has {yaml.Length} characters; {Largest} are the most.")]);
        if (string.IsNullOrWhiteSpace(yaml)) return (null, [new(1, 1, "", "The document is empty.")]);
        var errors = new List<DocumentError>();
        try
        {
            var parser = new Parser(new StringReader(yaml));
            parser.Consume<StreamStart>();
            parser.Consume<DocumentStart>();
            var count = 0;
            var root = Node(parser, "", 0, errors, ref count);
            parser.Consume<DocumentEnd>();
            if (!parser.Accept<StreamEnd>(out _)) errors.Add(new((int)parser.Current!.Start.Line, (int)parser.Current.Start.Column, "", "There is a second document; write one."));
            return (errors.Count == 0 ? root : null, errors);
        }
        catch (YamlException e)
        {
            errors.Add(new((int)e.Start.Line, (int)e.Start.Column, "", "This is no YAML: " + (e.InnerException?.Message ?? e.Message)));
            return (null, errors);
        }
        catch (RefusedNode e)
        {
            errors.Add(e.Error);
            return (null, errors);
        }
    }

    private static DocumentNode Node(IParser parser, string path, int depth, List<DocumentError> errors, ref int count)
    {
        var at = parser.Current ?? throw new YamlException("The document ends too early.");
        var (line, column) = ((int)at.Start.Line, (int)at.Start.Column);
        if (depth > Deepest) throw new RefusedNode(new(line, column, path, $"This is nested deeper than {Deepest} levels."));
        if (++count > MostNodes) throw new RefusedNode(new(line, column, path, $"The document holds more than {MostNodes} values."));
        if (parser.Accept<AnchorAlias>(out _)) throw new RefusedNode(new(line, column, path, "Aliases (*name) are not used here; write the value out."));
        if (at is NodeEvent { Anchor.IsEmpty: false }) throw new RefusedNode(new(line, column, path, "Anchors (&name) are not used here."));
        if (at is NodeEvent { Tag.IsEmpty: false }) throw new RefusedNode(new(line, column, path, "Tags (!name) are not used here."));
        if (parser.TryConsume<Scalar>(out var scalar))
        {
            if (scalar.Value.Contains('\0')) throw new RefusedNode(new(line, column, path, "This text holds a zero character, which cannot be stored."));
            return new ScalarNode(scalar.Value, scalar.Style == ScalarStyle.Plain, line, column);
        }
        if (parser.TryConsume<SequenceStart>(out _))
        {
            var items = new List<DocumentNode>();
            while (!parser.TryConsume<SequenceEnd>(out _)) items.Add(Node(parser, $"{path}[{items.Count}]", depth + 1, errors, ref count));
            return new ListNode(items, line, column);
        }
        parser.Consume<MappingStart>();
        var entries = new List<MapEntry>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            if (Node(parser, path, depth + 1, errors, ref count) is not ScalarNode key) throw new RefusedNode(new(line, column, path, "A key must be a text."));
            var shown = key.Value.Length <= LongestKeyShown ? key.Value : key.Value[..LongestKeyShown] + "…";
            var inner = path.Length == 0 ? shown : path + "." + shown;
            if (!seen.Add(key.Value)) errors.Add(new(key.Line, key.Column, inner, $"'{shown}' stands here twice."));
            if (errors.Count >= MostErrors) throw new RefusedNode(new(key.Line, key.Column, inner, $"There are more than {MostErrors} errors; the rest was not read."));
            entries.Add(new(key, Node(parser, inner, depth + 1, errors, ref count)));
        }
        return new MapNode(entries, line, column);
    }

    private sealed class RefusedNode(DocumentError error) : Exception(error.Message)
    {
        public DocumentError Error { get; } = error;
    }
}
