using System.Text.RegularExpressions;
using RollbackConsole.Domain.Library;
using RollbackConsole.Domain.Severity;

namespace RollbackConsole.Domain.Incidents;

/// <summary>Reads an escalation. A level that reaches nobody is said, not hidden: the clock would run through it in silence.</summary>
public static partial class EscalationReader
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(7);

    public static DocumentReading<Escalation> Read(DocumentNode root)
    {
        var read = new DocumentReader();
        var escalation = Read(read, root);
        return read.Errors.Count > 0 || escalation is null
            ? new(escalation?.Name, escalation?.Title, null, null, [.. read.Errors.OrderBy(e => e.Line).ThenBy(e => e.Column)], read.Warnings)
            : new(escalation.Name, escalation.Title, escalation, Canonical.Digest(Canonical.ToJson(root)), [], read.Warnings);
    }

    private static Escalation? Read(DocumentReader read, DocumentNode root)
    {
        if (read.Map(root, "", "escalation", "title", "source", "levels", "contacts", "milestones", "evidence", "resources") is not { } map) return null;
        var contacts = ReadContacts(read, map["contacts"]);
        var levels = new List<EscalationLevel>();
        var items = read.List(map["levels"], "levels");
        if (items.Count is 0 or > 10) read.Error(map["levels"] ?? map, "levels", "Write from 1 to 10 levels.");
        foreach (var item in items.Take(10))
            if (ReadLevel(read, item, levels, contacts) is { } level) levels.Add(level);
        return new Escalation(
            read.Identifier(map, "escalation", "", NameRule(), "lower-case letters, digits, '.', '_' or '-', starting with a letter, at most 80") ?? "",
            read.Text(map, "title", "", required: true, longest: 200) ?? "", read.Text(map, "source", "") ?? "", levels,
            ReadList(read, map["milestones"], "milestones", ["id", "title", "at", "only"], (m, at) => new Milestone(Id(read, m, at), read.Text(m, "title", at, required: true) ?? "", Wait(read, m, "at", at) ?? TimeSpan.Zero, Severities(read, m["only"], at + ".only"))),
            ReadList(read, map["evidence"], "evidence", ["id", "title", "how"], (m, at) => new EvidenceItem(Id(read, m, at), read.Text(m, "title", at, required: true) ?? "", read.Text(m, "how", at) ?? "")),
            ReadList(read, map["resources"], "resources", ["title", "kind", "where"], (m, at) => new Resource(read.Text(m, "title", at, required: true) ?? "", read.Text(m, "kind", at) ?? "document", read.Text(m, "where", at) ?? "")));
    }

    private static EscalationLevel? ReadLevel(DocumentReader read, DocumentNode node, List<EscalationLevel> before, Dictionary<string, EscalationContact> contacts)
    {
        var at = $"levels[{before.Count}]";
        if (read.Map(node, at, "name", "responder", "until", "authority", "contacts", "group", "may") is not { } map) return null;
        var until = read.Duration(map, "until", at, Longest);
        if (map["until"] is null) read.Error(map, at + ".until", "'until' is missing: when the next level is called, such as 15m.");
        if (until is { } u && before.Count > 0 && u <= before[^1].Until) read.Error(map["until"]!, at + ".until", $"This level must last longer than the one before, which ends at {Duration.Format(before[^1].Until)}.");
        var people = new List<EscalationContact>();
        foreach (var name in read.Texts(map["contacts"], at + ".contacts"))
        {
            if (contacts.TryGetValue(name, out var contact)) people.Add(contact);
            else read.Error(map["contacts"]!, at + ".contacts", $"There is no contact '{name}' below 'contacts'.");
        }
        var title = read.Text(map, "name", at, required: true, longest: 100) ?? "";
        if (people.Count == 0) read.Warn(map, at + ".contacts", $"Level {before.Count + 1} ({title}) reaches nobody: it names no contact.");
        else if (people.TrueForAll(p => !p.Reachable)) read.Warn(map["contacts"]!, at + ".contacts", $"Level {before.Count + 1} ({title}) reaches nobody: none of its contacts has a channel.");
        return new EscalationLevel(before.Count + 1, title, read.Text(map, "responder", at) ?? "", until ?? TimeSpan.FromHours(1), read.Text(map, "authority", at) ?? "", people,
            read.Text(map, "group", at, longest: 80), read.Choice<RollbackAuthority>(map, "may", at) ?? RollbackAuthority.Complex);
    }

    private static Dictionary<string, EscalationContact> ReadContacts(DocumentReader read, DocumentNode? node)
    {
        var contacts = new Dictionary<string, EscalationContact>(StringComparer.Ordinal);
        if (node is not null and not MapNode) read.Error(node, "contacts", "Write contact names with their settings here.");
        foreach (var entry in (node as MapNode)?.Entries ?? [])
        {
            var path = "contacts." + entry.Key.Value;
            if (!NameRule().IsMatch(entry.Key.Value)) read.Error(entry.Key, path, "A contact's name is lower-case letters, digits, '.', '_' or '-', starting with a letter.");
            if (read.Map(entry.Value, path, "title", "after", "channel", "address") is not { } map) continue;
            contacts[entry.Key.Value] = new(entry.Key.Value, read.Text(map, "title", path, required: true, longest: 100) ?? "", Wait(read, map, "after", path) ?? TimeSpan.Zero, read.Text(map, "channel", path, longest: 80), read.Text(map, "address", path, longest: 300));
        }
        return contacts;
    }

    /// <summary>A wait: a duration, or <c>immediate</c>.</summary>
    private static TimeSpan? Wait(DocumentReader read, MapNode map, string key, string path) =>
        map[key] is ScalarNode { Value: "immediate" or "0m" or "0s" } ? TimeSpan.Zero : read.Duration(map, key, path, Longest);

    private static string Id(DocumentReader read, MapNode map, string at) => read.Identifier(map, "id", at, NameRule(), "lower-case letters, digits, '_' or '-'") ?? "";

    private static List<Level> Severities(DocumentReader read, DocumentNode? node, string path)
    {
        var levels = new List<Level>();
        foreach (var text in read.Texts(node, path))
        {
            if (Enum.TryParse<Level>(text, ignoreCase: true, out var level) && text == level.ToString().ToLowerInvariant()) levels.Add(level);
            else read.Error(node!, path, $"'{text}' is none of critical, high, medium, low.");
        }
        return levels;
    }

    private static List<T> ReadList<T>(DocumentReader read, DocumentNode? node, string path, string[] keys, Func<MapNode, string, T> one)
    {
        var list = new List<T>();
        foreach (var (item, i) in read.List(node, path).Take(50).Select((n, i) => (n, i)))
            if (read.Map(item, $"{path}[{i}]", keys) is { } map) list.Add(one(map, $"{path}[{i}]"));
        return list;
    }

    [GeneratedRegex("^[a-z][a-z0-9._-]{0,79}$", RegexOptions.None, 1000)]
    private static partial Regex NameRule();
}
