using System.Globalization;
using RollbackConsole.Domain.Library;

namespace RollbackConsole.Domain.Plans;

/// <summary>Checks what stands under <c>with</c> against the step kind's schema.</summary>
internal static class StepInputs
{
    public static void Check(DocumentReader read, StepKindSchema kind, DocumentNode? with, MapNode step, string path)
    {
        var names = kind.Inputs.Select(i => i.Name).ToList();
        var map = with is null ? null : read.Map(with, path, names);
        if (with is not null && map is null) return;
        foreach (var input in kind.Inputs)
        {
            var value = map?[input.Name];
            if (value is ScalarNode { Plain: true, Value: "" or "~" or "null" }) value = null;
            if (value is null)
            {
                if (input.Required) read.Error((DocumentNode?)map ?? step, path + "." + input.Name, $"'{kind.Name}' needs '{input.Name}': {input.Description}");
                continue;
            }
            if (Complaint(input.Type, value) is { } bad) read.Error(value, path + "." + input.Name, bad);
        }
    }

    private static string? Complaint(InputType type, DocumentNode value) => type switch
    {
        InputType.Text => value is ScalarNode ? null : "Write a text here.",
        InputType.Verbatim when value is not ScalarNode => "Write a text here.",
        InputType.Verbatim => TemplateReferences.In(((ScalarNode)value).Value).Any(r => r.StartsWith("parameters.", StringComparison.Ordinal) || r.StartsWith("steps.", StringComparison.Ordinal))
            ? "Nothing is rendered into program text, so that no value can become code. Hand values over as environment or variables." : null,
        InputType.Number => value is ScalarNode s && (TemplateReferences.Any(s.Value) || decimal.TryParse(s.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out _))
            ? null : "Write a number here.",
        InputType.Flag => value is ScalarNode { Value: "true" or "false" } ? null : "Write true or false.",
        InputType.Duration => value is ScalarNode d && (TemplateReferences.Any(d.Value) || Duration.TryParse(d.Value, out _))
            ? null : "Write a duration such as 90s, 5m or 1h30m.",
        InputType.TextList => value is ListNode l && l.Items.Count > 0 && l.Items.All(IsText) ? null : "Write a list of texts here, with at least one.",
        InputType.TextMap => value is MapNode m && m.Entries.All(e => IsText(e.Value)) ? null : "Write names with texts here.",
        InputType.Tables => Tables(value),
        InputType.Expectations => value is ListNode e && e.Items.All(i => i is MapNode m && m.Entries.Count == 2 && m["path"] is ScalarNode && m["equals"] is ScalarNode)
            ? null : "Write a list of {path: $.a.b, equals: value}.",
        _ => throw new InvalidOperationException($"Unknown input type {type}."),
    };

    private static string? Tables(DocumentNode value)
    {
        const string Shape = "Write a list of tables: a name, or {name, key?, columns?, as?}.";
        if (value is not ListNode { Items.Count: > 0 } list) return Shape;
        foreach (var item in list.Items)
        {
            if (item is ScalarNode) continue;
            if (item is not MapNode map || map["name"] is not ScalarNode) return Shape;
            if (map.Entries.Any(e => e.Key.Value is not ("name" or "key" or "columns" or "as"))) return Shape;
            if (map["columns"] is { } columns && columns is not ListNode) return Shape;
        }
        return null;
    }

    private static bool IsText(DocumentNode node) =>
        node is ScalarNode || (node is MapNode { Entries.Count: 1 } m && m["secret"] is ScalarNode);
}
