using RollbackConsole.Domain.Library;
namespace RollbackConsole.Domain.Plans;

// What the templates of a plan name: parameters that it has, and outputs of steps that come before.
public sealed partial class PlanReader
{
    private static void CheckReferences(DocumentReader read, DocumentNode node, string path, Scope scope, HashSet<string> visible)
    {
        switch (node)
        {
            case MapNode m:
                foreach (var e in m.Entries) CheckReferences(read, e.Value, path + "." + e.Key.Value, scope, visible);
                break;
            case ListNode l:
                for (var i = 0; i < l.Items.Count; i++) CheckReferences(read, l.Items[i], $"{path}[{i}]", scope, visible);
                break;
            case ScalarNode s when TemplateReferences.Any(s.Value):
                foreach (var reference in TemplateReferences.In(s.Value))
                    if (Complaint(reference, scope, visible) is { } bad) read.Error(s, path, bad);
                break;
        }
    }

    private static string? Complaint(string reference, Scope scope, HashSet<string> visible)
    {
        var parts = reference.Split('.');
        return parts[0] switch
        {
            "parameters" when parts.Length < 2 || !scope.Parameters.Contains(parts[1]) =>
                $"'{reference}' names no parameter of this plan. {(scope.Parameters.Count == 0 ? "It has none." : "It has " + string.Join(", ", scope.Parameters) + ".")}",
            "steps" when parts.Length < 4 || parts[2] != "outputs" => $"'{reference}' should read steps.<id>.outputs.<name>.",
            "steps" when !visible.Contains(parts[1].Trim('[', ']')) => $"'{reference}': the step '{parts[1]}' does not come before this one.",
            "incident" when parts.Length != 2 || parts[1] is not ("id" or "number" or "title") => $"'{reference}' is not known; an incident has id, number and title.",
            "run" when parts.Length != 2 || parts[1] is not ("id" or "directory" or "reason") => $"'{reference}' is not known; a run has id, directory and reason.",
            "parameters" or "steps" or "service" or "environment" or "incident" or "run" => null,
            _ => $"'{reference}' is not known. Values come from parameters, service, environment, incident, run and steps.<id>.outputs.",
        };
    }
}
