using System.Globalization;
using System.Text.RegularExpressions;
using RollbackConsole.Domain.Library;

namespace RollbackConsole.Domain.Severity;

/// <summary>Reads a matrix out of its document, with every complaint at its place.</summary>
public static partial class MatrixReader
{
    public const int MostRules = 200;

    private static readonly string[] Keys = ["matrix", "title", "type", "source", "description", "levels", "signals", "rules"];
    private static readonly string[] SignalKeys = ["title", "unit", "metric"];
    private static readonly string[] LevelKeys = ["action", "decide", "criteria"];
    private static readonly string[] BoundKeys = ["above", "from", "to", "below"];
    private static readonly string[] RuleKeys =
        ["id", "title", "group", "severity", "when", "for", "readings", "action", "automatic", "level", "then", "within", "investigate", "roll-back", "alternative", "probability", "impact"];

    public static DocumentReading<Matrix> Read(DocumentNode root)
    {
        var read = new DocumentReader();
        var matrix = Read(read, root);
        if (read.Errors.Count > 0 || matrix is null) return new(matrix?.Name, matrix?.Title, null, null, [.. read.Errors.OrderBy(e => e.Line).ThenBy(e => e.Column)], read.Warnings);
        foreach (var finding in Bands.Findings(matrix))
            read.Warn(((root as MapNode)?["rules"] as ListNode)?.Items.ElementAtOrDefault(finding.Row) ?? root, $"rules[{finding.Row}].when", finding.Message);
        return new(matrix.Name, matrix.Title, matrix, Canonical.Digest(Canonical.ToJson(root)), [], read.Warnings);
    }

    private static Matrix? Read(DocumentReader read, DocumentNode root)
    {
        if (read.Map(root, "", Keys) is not { } map) return null;
        var name = read.Identifier(map, "matrix", "", NameRule(), "lower-case letters, digits, '.', '_' or '-', starting with a letter, at most 80");
        var type = read.Choice<MatrixType>(map, "type", "", required: true) ?? MatrixType.Severity;
        var signals = ReadSignals(read, map["signals"]);
        var levels = ReadLevels(read, map["levels"]);
        var missing = Enum.GetValues<Level>().Except(levels.Select(l => l.Level)).ToList();
        if (type == MatrixType.Severity && missing.Count > 0 && read.Errors.Count == 0)
            read.Error(map["levels"] ?? map, "levels", $"A severity matrix says what each level means; {string.Join(", ", missing).ToLowerInvariant()} is missing.");
        var rules = new List<MatrixRule>();
        var items = read.List(map["rules"], "rules");
        if (map["rules"] is null) read.Error(map, "rules", "'rules' is missing.");
        if (items.Count > MostRules) read.Error(items[MostRules], "rules", $"There are {items.Count} rules; {MostRules} are the most.");
        for (var i = 0; i < Math.Min(items.Count, MostRules); i++)
        {
            if (ReadRule(read, items[i], $"rules[{i}]", type, signals) is not { } rule) continue;
            if (rules.Any(r => r.Id == rule.Id)) read.Error(items[i], $"rules[{i}].id", $"Another rule is called '{rule.Id}' already.");
            rules.Add(rule);
        }
        return new Matrix(name ?? "", read.Text(map, "title", "", required: true, longest: 200) ?? "", type, read.Text(map, "source", "", required: true) ?? "",
            read.Text(map, "description", "", longest: 4000), levels, signals, rules);
    }

    private static List<SignalDefinition> ReadSignals(DocumentReader read, DocumentNode? node)
    {
        var signals = new List<SignalDefinition>();
        if (node is not null and not MapNode) read.Error(node, "signals", "Write signal names with their unit here.");
        foreach (var entry in (node as MapNode)?.Entries ?? [])
        {
            var path = "signals." + entry.Key.Value;
            if (!SignalRule().IsMatch(entry.Key.Value)) read.Error(entry.Key, path, "A signal's name is a letter followed by letters, digits or '_'.");
            if (read.Map(entry.Value, path, SignalKeys) is not { } map) continue;
            signals.Add(new(entry.Key.Value, read.Text(map, "title", path, required: true, longest: 100) ?? "", read.Choice<SignalUnit>(map, "unit", path, required: true) ?? SignalUnit.Fact,
                read.Text(map, "metric", path, longest: 100) ?? entry.Key.Value));
        }
        return signals;
    }

    private static List<MatrixLevel> ReadLevels(DocumentReader read, DocumentNode? node)
    {
        var levels = new List<MatrixLevel>();
        foreach (var level in Enum.GetValues<Level>())
        {
            var key = level.ToString().ToLowerInvariant();
            if (read.Map(node, "levels", [.. Enum.GetNames<Level>().Select(n => n.ToLowerInvariant())])?[key] is not { } found || read.Map(found, "levels." + key, LevelKeys) is not { } map) continue;
            var decide = read.Duration(map, "decide", "levels." + key, TimeSpan.FromDays(1));
            if (map["decide"] is null) read.Error(map, $"levels.{key}.decide", "'decide' is missing: how long people may take, such as 15m.");
            levels.Add(new(level, Dashed<Advice>(read, map, "action", "levels." + key, required: true) ?? Advice.WeighFixAgainstRollback, decide ?? TimeSpan.FromMinutes(30),
                read.Text(map, "criteria", "levels." + key) ?? ""));
        }
        return levels;
    }

    private static MatrixRule? ReadRule(DocumentReader read, DocumentNode node, string at, MatrixType type, List<SignalDefinition> signals)
    {
        if (read.Map(node, at, RuleKeys) is not { } map) return null;
        var when = ReadWhen(read, map["when"], at + ".when", signals);
        var severity = read.Choice<Level>(map, "severity", at);
        if (severity is null && map["severity"] is null && type is MatrixType.Severity or MatrixType.Triggers or MatrixType.Symptoms && when.Count > 0)
            read.Error(map, at + ".severity", "A rule that can fire needs its 'severity'.");
        if (type is MatrixType.Triggers && when.Count == 0) read.Error(map, at + ".when", "A trigger needs 'when': what must hold.");
        var held = read.Duration(map, "for", at, TimeSpan.FromHours(6));
        var readings = read.Integer(map, "readings", at, 1, 20);
        if (held is not null && readings is not null) read.Error(map["readings"]!, at + ".readings", "Say either 'for' or 'readings', not both.");
        var level = read.Integer(map, "level", at, 1, 3);
        NextLevel? then = null;
        if (read.Map(map["then"], at + ".then", "level", "after") is { } next)
        {
            var to = read.Integer(next, "level", at + ".then", 1, 3);
            var after = read.Duration(next, "after", at + ".then", TimeSpan.FromHours(6));
            if (to is null || after is null) read.Error(next, at + ".then", "Say the next 'level' (1 to 3) and 'after' which time, such as 10m.");
            else if (level is null || to <= level) read.Error(next, at + ".then.level", "The next level must be above the rule's 'level'.");
            else then = new(to.Value, after.Value);
        }
        return new MatrixRule(
            read.Identifier(map, "id", at, NameRule(), "lower-case letters, digits, '.', '_' or '-', starting with a letter") ?? "", read.Text(map, "title", at, required: true, longest: 300) ?? "",
            when, severity, held, readings ?? 3, read.Choice<TriggerAction>(map, "action", at), read.Flag(map, "automatic", at) ?? false, level, then,
            read.Duration(map, "within", at, TimeSpan.FromDays(1)), read.Text(map, "investigate", at), read.Choice<RollbackVerdict>(map, "roll-back", at),
            read.Text(map, "alternative", at), read.Text(map, "probability", at), read.Text(map, "impact", at), read.Text(map, "group", at));
    }

    private static List<Condition> ReadWhen(DocumentReader read, DocumentNode? node, string at, List<SignalDefinition> signals)
    {
        var when = new List<Condition>();
        if (node is null) return when;
        if (read.Map(node, at, [.. signals.Select(s => s.Name)]) is not { } map) return when;
        foreach (var entry in map.Entries)
        {
            var path = $"{at}.{entry.Key.Value}";
            if (signals.FirstOrDefault(s => s.Name == entry.Key.Value) is not { } signal) continue;
            if (entry.Value is ScalarNode { Value: "true" })
            {
                if (signal.Unit != SignalUnit.Fact) read.Error(entry.Value, path, $"'{signal.Name}' is a figure; give a bound such as {{ above: 0.3 }}.");
                when.Add(new(signal.Name));
                continue;
            }
            if (signal.Unit == SignalUnit.Fact)
            {
                read.Error(entry.Value, path, $"'{signal.Name}' is a fact; write {signal.Name}: true.");
                continue;
            }
            if (read.Map(entry.Value, path, BoundKeys) is not { } bounds) continue;
            var condition = new Condition(signal.Name, Bound(read, bounds, "above", path, signal), Bound(read, bounds, "from", path, signal), Bound(read, bounds, "to", path, signal), Bound(read, bounds, "below", path, signal));
            if (bounds.Entries.Count == 0) read.Error(bounds, path, $"Give at least one bound of {string.Join(", ", BoundKeys)}.");
            else if (!condition.IsFact && new Band(condition).Empty) read.Error(bounds, path, "No figure can lie within these bounds.");
            if (!condition.IsFact) when.Add(condition);
        }
        return when;
    }

    private static double? Bound(DocumentReader read, MapNode bounds, string key, string path, SignalDefinition signal)
    {
        if (read.Text(bounds, key, path) is not { } text) return null;
        if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)) read.Error(bounds[key]!, $"{path}.{key}", $"'{text}' is no number; write it like 0.3.");
        else if (signal.Complaint(value) is { } bad) read.Error(bounds[key]!, $"{path}.{key}", bad);
        else return value;
        return null;
    }

    /// <summary>An enum written with dashes: <c>roll-back-now</c>.</summary>
    private static T? Dashed<T>(DocumentReader read, MapNode map, string key, string path, bool required) where T : struct, Enum
    {
        if (read.Text(map, key, path, required) is not { } text) return null;
        foreach (var value in Enum.GetValues<T>())
            if (Dashes(value) == text) return value;
        read.Error(map[key]!, DocumentReader.Join(path, key), $"'{text}' is none of {string.Join(", ", Enum.GetValues<T>().Select(Dashes))}.");
        return null;
    }

    private static string Dashes<T>(T value) where T : struct, Enum =>
        string.Concat(value.ToString().Select((c, i) => char.IsUpper(c) ? (i > 0 ? "-" : "") + char.ToLowerInvariant(c) : c.ToString()));

    [GeneratedRegex("^[a-z][a-z0-9._-]{0,79}$", RegexOptions.None, 1000)]
    private static partial Regex NameRule();

    [GeneratedRegex("^[A-Za-z][A-Za-z0-9_]{0,62}$", RegexOptions.None, 1000)]
    private static partial Regex SignalRule();
}
