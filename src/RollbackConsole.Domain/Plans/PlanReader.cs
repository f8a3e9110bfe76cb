using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using RollbackConsole.Domain.Library;

namespace RollbackConsole.Domain.Plans;

/// <summary>What came of reading a plan: the plan when nothing was wrong, and every complaint when something was.</summary>
public sealed record PlanReading(Plan? Plan, string? Digest, IReadOnlyList<DocumentError> Errors, IReadOnlyList<DocumentError> Warnings)
{
    public bool Valid => Plan is not null && Errors.Count == 0;
}

/// <summary>Turns a document into a plan, strictly: an unknown key, kind, parameter or need is an error with its place.</summary>
public sealed partial class PlanReader(IReadOnlyDictionary<string, StepKindSchema> kinds)
{
    /// <summary>A plan longer than this is several plans.</summary>
    public const int MostSteps = 200;

    /// <summary>A step that takes longer than a day is not a rollback step.</summary>
    public static readonly TimeSpan LongestTimeout = TimeSpan.FromDays(1);

    /// <summary>When a step names none: most steps of a rollback take seconds; ten minutes is a stuck one.</summary>
    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromMinutes(10);

    private static readonly string[] PlanKeys = ["plan", "title", "service", "risk", "objective", "downtime", "level", "purpose", "strategy", "parameters", "steps", "checks", "recovery", "emergency"];
    private static readonly string[] StepKeys = ["id", "title", "uses", "with", "needs", "timeout", "retry", "effect", "on-failure", "undo", "probe", "if", "destructive"];
    private static readonly string[] ParameterKeys = ["type", "required", "default", "pattern", "choices", "description"];

    public PlanReading Read(DocumentNode root)
    {
        var read = new DocumentReader();
        var plan = ReadPlan(read, root);
        return read.Errors.Count > 0 || plan is null
            ? new PlanReading(null, null, [.. read.Errors.OrderBy(e => e.Line).ThenBy(e => e.Column)], read.Warnings)
            : new PlanReading(plan, Canonical.Digest(Canonical.ToJson(root)), [], read.Warnings);
    }

    private Plan? ReadPlan(DocumentReader read, DocumentNode root)
    {
        if (read.Map(root, "", PlanKeys) is not { } map) return null;
        var name = read.Identifier(map, "plan", "", NameRule(), "lower-case letters, digits, '.', '_' or '-', starting with a letter, at most 80");
        var parameters = ReadParameters(read, map["parameters"]);
        if (map["steps"] is null) read.Error(map, "steps", "'steps' is missing.");
        var scope = new Scope(parameters.Select(p => p.Name).ToHashSet(StringComparer.Ordinal));
        var steps = ReadSteps(read, map["steps"], "steps", scope, sequential: true);
        if (map["steps"] is ListNode { Items.Count: 0 } empty) read.Error(empty, "steps", "A plan needs at least one step.");

        string? suite = null;
        IReadOnlyList<PlanStep> checks = [];
        if (map["checks"] is ScalarNode suiteName)
        {
            suite = suiteName.Value;
            read.Warn(suiteName, "checks", $"The check suite '{suite}' is not in the library; the plan's own steps are all that will verify it.");
        }
        else
        {
            checks = ReadSteps(read, map["checks"], "checks", scope, sequential: false);
        }
        var recovery = ReadSteps(read, map["recovery"], "recovery", scope, sequential: true);
        if (recovery.FirstOrDefault(r => r.OnFailure == OnFailure.Recover) is { } circular)
            read.Error(map["recovery"]!, "recovery", $"'{circular.Id}': a recovery step cannot itself recover.");
        var emergency = ReadSteps(read, map["emergency"], "emergency", scope, sequential: true);
        var downtime = read.Text(map, "downtime", "") ?? "none";
        if (downtime != "none" && !downtime.Split('-').All(d => Duration.TryParse(d, out _)))
            read.Error(map["downtime"]!, "downtime", "Write 'none', a duration such as 10m, or a range such as 10m-15m.");

        return new Plan(name ?? "", read.Text(map, "title", "", required: true, longest: 200) ?? "", read.Text(map, "service", "", longest: 100),
            read.Choice<Risk>(map, "risk", "") ?? Risk.Modification, read.Duration(map, "objective", "", LongestTimeout), downtime,
            parameters, steps, checks, suite, recovery, read.Integer(map, "level", "", 1, 3), emergency,
            Dashed<PlanPurpose>(read, map, "purpose") ?? PlanPurpose.Rollback, Dashed<Strategy>(read, map, "strategy") ?? Strategy.AllAtOnce);
    }

    private static List<PlanParameter> ReadParameters(DocumentReader read, DocumentNode? node)
    {
        var parameters = new List<PlanParameter>();
        if (node is not null and not MapNode) read.Error(node, "parameters", "Write parameter names with their settings here.");
        foreach (var (key, value) in (node as MapNode)?.Entries.Select(e => (e.Key, e.Value)) ?? [])
        {
            var path = "parameters." + key.Value;
            if (!ParameterRule().IsMatch(key.Value)) read.Error(key, path, "A parameter's name is a letter followed by letters, digits or '_'.");
            if (value is ScalarNode { Plain: true, Value: "" })
            {
                parameters.Add(new(key.Value, ParameterType.Text, true, null, null, [], ""));
                continue;
            }
            if (read.Map(value, path, ParameterKeys) is not { } map) continue;
            var type = read.Choice<ParameterType>(map, "type", path) ?? ParameterType.Text;
            var pattern = read.Text(map, "pattern", path);
            if (pattern is not null && !ParameterValues.IsPattern(pattern, out var why))
                read.Error(map["pattern"]!, path + ".pattern", $"This is no regular expression that can be used: {why}");
            var choices = read.Texts(map["choices"], path + ".choices");
            if (type == ParameterType.Choice && choices.Count == 0) read.Error(map, path + ".choices", "A choice needs its 'choices'.");
            var standard = read.Text(map, "default", path);
            var parameter = new PlanParameter(key.Value, type, read.Flag(map, "required", path) ?? standard is null, standard, pattern, choices,
                read.Text(map, "description", path) ?? "");
            if (standard is not null && read.Errors.All(e => !e.Path.StartsWith(path, StringComparison.Ordinal))
                && ParameterValues.Complaint(parameter, standard) is { } bad)
                read.Error(map["default"]!, path + ".default", bad);
            parameters.Add(parameter);
        }
        return parameters;
    }

    private List<PlanStep> ReadSteps(DocumentReader read, DocumentNode? node, string path, Scope scope, bool sequential)
    {
        var items = read.List(node, path);
        if (items.Count > MostSteps) read.Error(items[MostSteps], path, $"There are {items.Count} steps; {MostSteps} are the most.");
        var steps = new List<PlanStep>();
        var places = new Dictionary<string, DocumentNode>(StringComparer.Ordinal);
        var outer = scope.Steps.ToHashSet(StringComparer.Ordinal);
        var index = -1;
        foreach (var item in items.Take(MostSteps))
        {
            var at = $"{path}[{++index}]";
            if (read.Map(item, at, StepKeys) is not { } map) continue;
            var id = read.Identifier(map, "id", at, StepRule(), "lower-case letters, digits, '_' or '-', starting with a letter, at most 63");
            if (id is not null && !scope.Steps.Add(id)) read.Error(map["id"]!, at + ".id", $"Another step is called '{id}' already.");
            if (id?.StartsWith("undo-", StringComparison.Ordinal) == true) read.Error(map["id"]!, at + ".id", "Names that start with 'undo-' are kept for the undoing of steps.");
            if (id?.StartsWith("policy-", StringComparison.Ordinal) == true) read.Error(map["id"]!, at + ".id", "Names that start with 'policy-' are kept for what a policy adds.");
            var needs = map["needs"] is { } listed
                ? read.Texts(listed, at + ".needs")
                : sequential && steps.Count > 0 ? [steps[^1].Id] : [];
            steps.Add(ReadStep(read, map, at, id ?? $"?{index}", needs));
            places[steps[^1].Id] = map["needs"] ?? map;
            if (path != "steps" && map["undo"] is { } undone) read.Error(undone, at + ".undo", "Only the plan's own steps can be undone.");
            if (path is "recovery" or "emergency" && map["needs"] is { } ordered) read.Error(ordered, at + ".needs", "These steps run one after the other, in the order in which they stand.");
        }
        CheckNeeds(read, steps, places, path);
        index = -1;
        foreach (var map in items.Take(MostSteps).OfType<MapNode>())
        {
            if (++index >= steps.Count) break;
            var visible = Ancestors(steps, steps[index]).Concat(outer).ToHashSet(StringComparer.Ordinal);
            var verbatim = Verbatim(steps[index].Uses);
            foreach (var entry in (map["with"] as MapNode)?.Entries.Where(e => !verbatim.Contains(e.Key.Value)) ?? [])
                CheckReferences(read, entry.Value, $"{path}[{index}].with.{entry.Key.Value}", scope, visible);
            var keptAsText = Verbatim(steps[index].Undo?.Uses);
            foreach (var entry in ((map["undo"] as MapNode)?["with"] as MapNode)?.Entries.Where(e => !keptAsText.Contains(e.Key.Value)) ?? [])
                CheckReferences(read, entry.Value, $"{path}[{index}].undo.with.{entry.Key.Value}", scope, [.. visible, steps[index].Id]);
            foreach (var entry in ((map["probe"] as MapNode)?["with"] as MapNode)?.Entries.Where(e => !Verbatim(steps[index].Probe?.Uses).Contains(e.Key.Value)) ?? [])
                CheckReferences(read, entry.Value, $"{path}[{index}].probe.with.{entry.Key.Value}", scope, visible);
            if (map["if"] is { } condition) CheckReferences(read, condition, $"{path}[{index}].if", scope, visible);
        }
        return steps;
    }

    private PlanStep ReadStep(DocumentReader read, MapNode map, string at, string id, IReadOnlyList<string> needs)
    {
        var uses = read.Text(map, "uses", at, required: true) ?? "";
        var kind = ReadUse(read, map, at, uses);
        var retry = read.Map(map["retry"], at + ".retry", "attempts", "delay");
        var attempts = (retry is null ? null : read.Integer(retry, "attempts", at + ".retry", 1, 20)) ?? 1;
        var effect = read.Choice<Effect>(map, "effect", at);
        if (uses == Runs.Gates.Kind)
        {
            // An approval that repeats, is passed over or depends would be none.
            foreach (var key in (string[])["effect", "retry", "if", "undo", "probe"])
                if (map[key] is { } odd) read.Error(odd, $"{at}.{key}", $"An approval has no '{key}'.");
            if (map["on-failure"] is ScalarNode { Value: "continue" } passed) read.Error(passed, at + ".on-failure", "A refused approval stops the run or recovers it; it is never passed over.");
            foreach (var entry in (map["with"] as MapNode)?.Entries.Where(e => e.Value is ScalarNode v && v.Value.Contains("{{", StringComparison.Ordinal)) ?? [])
                read.Error(entry.Value, $"{at}.with.{entry.Key.Value}", "Who approves what is written in full, not rendered.");
        }
        if (attempts > 1 && effect == Effect.Once)
            read.Error(map["retry"]!, at + ".retry", "A step with 'effect: once' is never tried again by itself; leave 'retry' out, or make the step safe to repeat and say 'effect: idempotent'.");
        return new PlanStep(id, read.Text(map, "title", at, longest: 200) ?? id, uses,
            map["with"] is MapNode with ? (JsonObject)Canonical.ToJson(with)! : [], needs,
            // People take longer than programs, and nobody's answer may be cut off by a default.
            read.Duration(map, "timeout", at, LongestTimeout) ?? (uses is Runs.Gates.Kind or "confirm/checklist" ? LongestTimeout : DefaultTimeout),
            attempts,
            (retry is null ? null : read.Duration(retry, "delay", at + ".retry", TimeSpan.FromHours(1))) ?? TimeSpan.FromSeconds(5),
            // Whoever asks for retries says that the step may be repeated.
            effect ?? (attempts > 1 ? Effect.Idempotent : kind?.DefaultEffect ?? Effect.Once),
            read.Choice<OnFailure>(map, "on-failure", at) ?? OnFailure.Stop,
            ReadPart(read, map, "undo", "Undo: ", at, id), ReadPart(read, map, "probe", "Probe: ", at, id), read.Text(map, "if", at, longest: 300),
            read.Flag(map, "destructive", at));
    }

    private HashSet<string> Verbatim(string? uses) => kinds.GetValueOrDefault(uses ?? "")?.Inputs.Where(i => i.Type == InputType.Verbatim).Select(i => i.Name).ToHashSet(StringComparer.Ordinal) ?? [];

    /// <summary>An enum written with dashes: <c>circuit-breaker</c>.</summary>
    private static T? Dashed<T>(DocumentReader read, MapNode map, string key) where T : struct, Enum
    {
        if (read.Text(map, key, "") is not { } text) return null;
        foreach (var value in Enum.GetValues<T>())
            if (string.Equals(value.ToString(), text.Replace("-", "", StringComparison.Ordinal), StringComparison.OrdinalIgnoreCase)) return value;
        read.Error(map[key]!, key, $"'{text}' is none of {string.Join(", ", Enum.GetNames<T>().Select(n => string.Concat(n.Select((c, i) => char.IsUpper(c) && i > 0 ? "-" + c : c.ToString())).ToLowerInvariant()))}.");
        return null;
    }

    /// <summary>What belongs to a step and is run in its place: its undoing, or the question whether it happened.</summary>
    private PlanStep? ReadPart(DocumentReader read, MapNode map, string key, string title, string at, string id)
    {
        if (map[key] is not { } node || read.Map(node, $"{at}.{key}", "uses", "with", "timeout", "effect") is not { } undo) return null;
        var uses = read.Text(undo, "uses", $"{at}.{key}", required: true) ?? "";
        var kind = ReadUse(read, undo, $"{at}.{key}", uses);
        return new PlanStep(key + "-" + id, title + (read.Text(map, "title", at, longest: 200) ?? id), uses, undo["with"] is MapNode with ? (JsonObject)Canonical.ToJson(with)! : [], [],
            read.Duration(undo, "timeout", $"{at}.{key}", LongestTimeout) ?? DefaultTimeout, 1, TimeSpan.FromSeconds(5),
            read.Choice<Effect>(undo, "effect", $"{at}.{key}") ?? kind?.DefaultEffect ?? Effect.Once, OnFailure.Stop, null);
    }

    private StepKindSchema? ReadUse(DocumentReader read, MapNode map, string at, string uses)
    {
        if (uses.Length == 0) return null;
        if (!kinds.TryGetValue(uses, out var kind))
        {
            read.Error(map["uses"]!, at + ".uses", $"There is no step kind '{uses}'. Known are {string.Join(", ", kinds.Keys.Order(StringComparer.Ordinal))}.");
            return null;
        }
        StepInputs.Check(read, kind, map["with"], map, at + ".with");
        return kind;
    }

    private static void CheckNeeds(DocumentReader read, List<PlanStep> steps, Dictionary<string, DocumentNode> places, string path)
    {
        var ids = steps.Select(s => s.Id).ToHashSet(StringComparer.Ordinal);
        foreach (var step in steps)
            foreach (var need in step.Needs.Where(n => !ids.Contains(n)))
                read.Error(places[step.Id], $"{path}.{step.Id}.needs", $"'{step.Id}' needs '{need}', which is no step here.");
        var done = new HashSet<string>(StringComparer.Ordinal);
        while (steps.Where(s => !done.Contains(s.Id) && s.Needs.All(n => done.Contains(n) || !ids.Contains(n))).Select(s => s.Id).ToList() is { Count: > 0 } free)
            done.UnionWith(free);
        var stuck = steps.Where(s => !done.Contains(s.Id)).Select(s => s.Id).Distinct(StringComparer.Ordinal).ToList();
        if (stuck.Count > 0) read.Error(places[stuck[0]], path, $"These steps wait for each other in a circle: {string.Join(", ", stuck)}.");
    }

    private static IEnumerable<string> Ancestors(List<PlanStep> steps, PlanStep step)
    {
        var byId = steps.GroupBy(s => s.Id, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.First(), StringComparer.Ordinal);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var open = new Stack<string>(step.Needs);
        while (open.TryPop(out var id))
            if (seen.Add(id) && byId.TryGetValue(id, out var found))
                foreach (var need in found.Needs) open.Push(need);
        return seen;
    }

    private sealed record Scope(HashSet<string> Parameters)
    {
        public HashSet<string> Steps { get; } = new(StringComparer.Ordinal);
    }

    [GeneratedRegex("^[a-z][a-z0-9._-]{0,79}$", RegexOptions.None, 1000)]
    private static partial Regex NameRule();

    [GeneratedRegex("^[a-z][a-z0-9_-]{0,62}$", RegexOptions.None, 1000)]
    private static partial Regex StepRule();

    [GeneratedRegex("^[A-Za-z][A-Za-z0-9_]{0,62}$", RegexOptions.None, 1000)]
    private static partial Regex ParameterRule();
}
