using System.Globalization;
using System.Text.RegularExpressions;

namespace RollbackConsole.Domain.Library;

/// <summary>Reads typed values out of a document tree and collects every complaint instead of stopping at the first.</summary>
public sealed class DocumentReader
{
    private readonly List<DocumentError> _errors = [];
    private readonly List<DocumentError> _warnings = [];

    public IReadOnlyList<DocumentError> Errors => _errors;

    public IReadOnlyList<DocumentError> Warnings => _warnings;

    public void Error(DocumentNode at, string path, string message) => _errors.Add(new(at.Line, at.Column, path, message));

    public void Warn(DocumentNode at, string path, string message) => _warnings.Add(new(at.Line, at.Column, path, message));

    /// <summary>The node as a map with none but the allowed keys; null after a complaint.</summary>
    public MapNode? Map(DocumentNode? node, string path, params IReadOnlyCollection<string> allowed)
    {
        if (node is null) return null;
        if (node is not MapNode map)
        {
            Error(node, path, "Write keys and values here.");
            return null;
        }
        foreach (var entry in map.Entries.Where(e => !allowed.Contains(e.Key.Value)))
            Error(entry.Key, Join(path, entry.Key.Value), $"'{entry.Key.Value}' is not known here. {Suggest(entry.Key.Value, allowed)}");
        return map;
    }

    public IReadOnlyList<DocumentNode> List(DocumentNode? node, string path)
    {
        if (node is null) return [];
        if (node is ListNode list) return list.Items;
        Error(node, path, "Write a list here.");
        return [];
    }

    /// <summary>The items of a list of texts; anything else in it is a complaint, never left out silently.</summary>
    public List<string> Texts(DocumentNode? node, string path)
    {
        var texts = new List<string>();
        foreach (var item in List(node, path))
        {
            if (item is ScalarNode { Value.Length: > 0 } scalar) texts.Add(scalar.Value);
            else Error(item, path, "Write a text here.");
        }
        return texts;
    }

    public string? Text(MapNode map, string key, string path, bool required = false, int longest = 2000)
    {
        var node = map[key];
        if (node is null)
        {
            if (required) Error(map, Join(path, key), $"'{key}' is missing.");
            return null;
        }
        if (node is not ScalarNode scalar || (scalar.Plain && scalar.Value is "" or "~" or "null"))
        {
            Error(node, Join(path, key), $"'{key}' needs a text.");
            return null;
        }
        if (scalar.Value.Length <= longest) return scalar.Value;
        Error(node, Join(path, key), $"'{key}' has {scalar.Value.Length} characters; {longest} are the most.");
        return null;
    }

    public string? Identifier(MapNode map, string key, string path, Regex pattern, string rule)
    {
        var text = Text(map, key, path, required: true);
        if (text is null || pattern.IsMatch(text)) return text;
        Error(map[key]!, Join(path, key), $"'{key}' must be {rule}.");
        return null;
    }

    public TimeSpan? Duration(MapNode map, string key, string path, TimeSpan most)
    {
        if (Text(map, key, path) is not { } text) return null;
        if (!Library.Duration.TryParse(text, out var value) || value == TimeSpan.Zero)
            Error(map[key]!, Join(path, key), $"'{text}' is no duration; write it like 90s, 5m or 1h30m.");
        else if (value > most)
            Error(map[key]!, Join(path, key), $"{text} is too long; {Library.Duration.Format(most)} is the most.");
        else
            return value;
        return null;
    }

    public int? Integer(MapNode map, string key, string path, int least, int most)
    {
        if (Text(map, key, path) is not { } text) return null;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most) return value;
        Error(map[key]!, Join(path, key), $"'{key}' must be a whole number from {least} to {most}.");
        return null;
    }

    public bool? Flag(MapNode map, string key, string path)
    {
        switch (Text(map, key, path))
        {
            case "true": return true;
            case "false": return false;
            case null: return null;
            default:
                Error(map[key]!, Join(path, key), $"'{key}' must be true or false.");
                return null;
        }
    }

    public T? Choice<T>(MapNode map, string key, string path, bool required = false) where T : struct, Enum
    {
        if (Text(map, key, path, required) is not { } text) return null;
        foreach (var value in Enum.GetValues<T>())
            if (value.ToString().ToLowerInvariant() == text) return value;
        Error(map[key]!, Join(path, key), $"'{text}' is none of {string.Join(", ", Enum.GetNames<T>().Select(n => n.ToLowerInvariant()))}.");
        return null;
    }

    public static string Join(string path, string key) => path.Length == 0 ? key : path + "." + key;

    private static string Suggest(string key, IReadOnlyCollection<string> allowed)
    {
        var near = allowed.OrderBy(a => Distance(a, key)).FirstOrDefault();
        return near is not null && Distance(near, key) <= 2 ? $"Did you mean '{near}'?" : $"Known are {string.Join(", ", allowed)}.";
    }

    private static int Distance(string a, string b)
    {
        if (a.Length > 40 || b.Length > 40) return int.MaxValue;
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var cost = Math.Min(Math.Min(row[j] + 1, row[j - 1] + 1), diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = row[j];
                row[j] = cost;
            }
        }
        return row[b.Length];
    }
}
