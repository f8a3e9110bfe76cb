using System.Globalization;
using System.Text.RegularExpressions;
using RollbackConsole.Domain.Library;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Severity;

namespace RollbackConsole.Domain.Approvals;

/// <summary>Reads a policy. A key that is not known is an error: a misspelt demand must not be a missing one.</summary>
public static partial class PolicyReader
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(30);
    private static readonly string[] WhenKeys = ["environment", "severity", "risk", "plan", "service", "tenant", "industry", "automatic", "complex", "known"];
    private static readonly string[] RequireKeys =
        ["approvals", "waive", "authority", "expires", "window", "maximum-time", "validation", "break-glass", "audit", "backup-first", "retain-days", "prefer", "notify"];
    private static readonly string[] ApprovalKeys = ["group", "or", "count", "title", "checklist", "reference", "at", "requester-counts"];
    private static readonly string[] Preferences = ["zero-downtime", "canary"];

    public static DocumentReading<Policy> Read(DocumentNode root)
    {
        var read = new DocumentReader();
        var policy = Read(read, root);
        return read.Errors.Count > 0 || policy is null
            ? new(policy?.Name, policy?.Title, null, null, [.. read.Errors.OrderBy(e => e.Line).ThenBy(e => e.Column)], read.Warnings)
            : new(policy.Name, policy.Title, policy, Canonical.Digest(Canonical.ToJson(root)), [], read.Warnings);
    }

    private static Policy? Read(DocumentReader read, DocumentNode root)
    {
        if (read.Map(root, "", "policy", "title", "source", "rules") is not { } map) return null;
        var rules = new List<PolicyRule>();
        var items = read.List(map["rules"], "rules");
        if (items.Count is 0 or > 100) read.Error(map["rules"] ?? map, "rules", "Write from 1 to 100 rules.");
        foreach (var (item, i) in items.Take(100).Select((n, i) => (n, i)))
        {
            var at = $"rules[{i}]";
            if (read.Map(item, at, "id", "because", "when", "require") is not { } rule) continue;
            var id = read.Identifier(rule, "id", at, NameRule(), "lower-case letters, digits, '.', '_' or '-', starting with a letter") ?? $"?{i}";
            if (rules.Exists(r => r.Id == id)) read.Error(rule["id"]!, at + ".id", $"Another rule is called '{id}' already.");
            if (rule["require"] is null) read.Error(rule, at + ".require", "'require' is missing: what the rule asks for.");
            rules.Add(new(id, read.Text(rule, "because", at, required: true, longest: 300) ?? "", ReadWhen(read, rule["when"], at + ".when"), ReadRequire(read, rule["require"], at + ".require")));
        }
        return new Policy(read.Identifier(map, "policy", "", NameRule(), "lower-case letters, digits, '.', '_' or '-', starting with a letter, at most 80") ?? "",
            read.Text(map, "title", "", required: true, longest: 200) ?? "", read.Text(map, "source", "") ?? "", rules);
    }

    private static PolicyMatch ReadWhen(DocumentReader read, DocumentNode? node, string at)
    {
        var map = read.Map(node, at, WhenKeys);
        return map is null ? new([], [], [], [], [], [], [], null, null, null)
            : new(Texts("environment"), Choices<Level>("severity"), Choices<Risk>("risk"), Texts("plan"), Texts("service"), Texts("tenant"), Texts("industry"), read.Flag(map, "automatic", at), read.Flag(map, "complex", at), read.Flag(map, "known", at));

        List<string> Texts(string key)
        {
            var texts = read.Texts(map[key], $"{at}.{key}");
            if (texts.Contains("!")) read.Error(map[key]!, $"{at}.{key}", "Write what is meant after the '!'.");
            return [.. texts.Where(t => t != "!")];
        }

        List<T> Choices<T>(string key) where T : struct, Enum
        {
            var chosen = new List<T>();
            foreach (var text in read.Texts(map[key], $"{at}.{key}"))
            {
                if (Enum.GetValues<T>().Where(v => v.ToString().ToLowerInvariant() == text).ToList() is [var value]) chosen.Add(value);
                else read.Error(map[key]!, $"{at}.{key}", $"'{text}' is none of {string.Join(", ", Enum.GetNames<T>()).ToLowerInvariant()}.");
            }
            return chosen;
        }
    }

    private static PolicyDemand ReadRequire(DocumentReader read, DocumentNode? node, string at)
    {
        var none = new PolicyDemand([], [], false, null, null, null, ValidationLevel.None, null, null, false, false, null, [], []);
        if (read.Map(node, at, RequireKeys) is not { } map) return none;
        if (map.Entries.Count == 0) read.Error(map, at, "The rule asks for nothing.");
        var glass = read.Map(map["break-glass"], at + ".break-glass", "allowed", "review-within");
        var allowed = glass is null ? null : read.Flag(glass, "allowed", at + ".break-glass");
        var review = glass is null ? null : read.Duration(glass, "review-within", at + ".break-glass", Longest);
        if (glass is not null && allowed is null) read.Error(glass, at + ".break-glass.allowed", "Say allowed: true or false.");
        if (allowed == true && review is null) read.Error(glass!, at + ".break-glass.review-within", "Say within which time somebody has to review it, such as 24h.");
        var prefer = read.Texts(map["prefer"], at + ".prefer");
        foreach (var odd in prefer.Except(Preferences, StringComparer.Ordinal)) read.Error(map["prefer"]!, at + ".prefer", $"'{odd}' is none of {string.Join(", ", Preferences)}.");
        var waives = read.Texts(map["waive"], at + ".waive");
        foreach (var odd in waives.Where(w => !WaiveRule().IsMatch(w))) read.Error(map["waive"]!, at + ".waive", $"'{odd}': write policy/rule, such as default/second-person.");
        return new PolicyDemand(ReadApprovals(read, map["approvals"], at + ".approvals"), waives, read.Flag(map, "authority", at) ?? false, read.Duration(map, "expires", at, Longest),
            ReadWindow(read, map["window"], at + ".window"), read.Duration(map, "maximum-time", at, TimeSpan.FromDays(1)), read.Choice<ValidationLevel>(map, "validation", at) ?? ValidationLevel.None, allowed, review,
            read.Flag(map, "audit", at) ?? false, read.Flag(map, "backup-first", at) ?? false, read.Integer(map, "retain-days", at, 1, 36500) is { } days ? TimeSpan.FromDays(days) : null,
            prefer, read.Texts(map["notify"], at + ".notify"));
    }

    private static List<ApprovalRequirement> ReadApprovals(DocumentReader read, DocumentNode? node, string path)
    {
        var all = new List<ApprovalRequirement>();
        if (read.List(node, path).Count > 20) read.Error(node!, path, "20 approvals are the most.");
        foreach (var (item, i) in read.List(node, path).Take(20).Select((n, i) => (n, i)))
        {
            var at = $"{path}[{i}]";
            if (read.Map(item, at, ApprovalKeys) is not { } map) continue;
            var place = read.Text(map, "at", at) ?? "start";
            if (place is not ("start" or "end")) read.Error(map["at"]!, at + ".at", "'at' is start or end; for the middle, put a step 'approval/gate' into the plan.");
            all.Add(new(read.Identifier(map, "group", at, GroupRule(), "a role or group: letters, digits, '_' or '-'") ?? "", read.Integer(map, "count", at, 1, 10) ?? 1,
                !(read.Flag(map, "requester-counts", at) ?? false), "", map["or"] is null ? null : read.Texts(map["or"], at + ".or"), read.Text(map, "title", at, longest: 100),
                map["checklist"] is null ? null : read.Texts(map["checklist"], at + ".checklist"), read.Flag(map, "reference", at) ?? false, place == "end"));
        }
        return all;
    }

    private static MaintenanceWindow? ReadWindow(DocumentReader read, DocumentNode? node, string at)
    {
        if (read.Map(node, at, "days", "from", "to") is not { } map) return null;
        var days = new List<DayOfWeek>();
        foreach (var text in read.Texts(map["days"], at + ".days"))
        {
            if (Enum.GetValues<DayOfWeek>().Where(d => d.ToString().Equals(text, StringComparison.OrdinalIgnoreCase)).ToList() is [var day]) days.Add(day);
            else read.Error(map["days"]!, at + ".days", $"'{text}' is no day of the week; write monday to sunday.");
        }
        return Time("from") is { } from && Time("to") is { } to ? new MaintenanceWindow(days, from, to) : null;

        TimeOnly? Time(string key)
        {
            if (read.Text(map, key, at, required: true) is not { } text) return null;
            if (TimeOnly.TryParseExact(text, "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out var time)) return time;
            read.Error(map[key]!, $"{at}.{key}", $"'{text}' is no time; write it like '22:00', in UTC.");
            return null;
        }
    }

    [GeneratedRegex("^[a-z][a-z0-9._-]{0,79}$", RegexOptions.None, 1000)]
    private static partial Regex NameRule();

    [GeneratedRegex("^[A-Za-z][A-Za-z0-9_-]{0,79}$", RegexOptions.None, 1000)]
    private static partial Regex GroupRule();

    [GeneratedRegex("^[a-z][a-z0-9._-]*/[a-z][a-z0-9._-]*$", RegexOptions.None, 1000)]
    private static partial Regex WaiveRule();
}
