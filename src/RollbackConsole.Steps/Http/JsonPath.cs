using System.Globalization;
using System.Text.Json.Nodes;

namespace RollbackConsole.Steps.Http;

/// <summary>The plain part of JSON path that checks need: <c>$.a.b[0].c</c>.</summary>
public static class JsonPath
{
    /// <summary>The value as text; null when nothing is there.</summary>
    /// <exception cref="StepInputException">The path is not of this form.</exception>
    public static string? Find(JsonNode? node, string path)
    {
        if (!path.StartsWith('$')) throw new StepInputException($"'{path}' is no path; write it like $.status or $.items[0].name.");
        foreach (var part in path[1..].Replace("[", ".[", StringComparison.Ordinal).Split('.', StringSplitOptions.RemoveEmptyEntries))
        {
            if (part.StartsWith('['))
            {
                if (!int.TryParse(part.Trim('[', ']'), NumberStyles.None, CultureInfo.InvariantCulture, out var index))
                    throw new StepInputException($"'{path}': {part} is no index.");
                node = node is JsonArray array && index < array.Count ? array[index] : null;
            }
            else
            {
                node = (node as JsonObject)?[part];
            }
            if (node is null) return null;
        }
        return node is JsonValue value && value.TryGetValue<bool>(out var flag) ? (flag ? "true" : "false") : node?.ToString();
    }
}
