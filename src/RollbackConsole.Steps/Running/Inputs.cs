using System.Globalization;
using System.Text.Json.Nodes;
using RollbackConsole.Domain.Library;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Steps.Secrets;

namespace RollbackConsole.Steps.Running;

/// <summary>A step's rendered inputs. Secrets are looked up when an input is read, and not at all in a preview.</summary>
/// <param name="secrets">Null in a preview: a secret reads as its name.</param>
public sealed class Inputs(JsonObject values, ISecrets? secrets)
{
    public bool Preview => secrets is null;

    public string Text(string name) => TextOrNull(name) ?? throw new StepInputException($"'{name}' is empty.");

    public string? TextOrNull(string name) => values[name] is { } node ? Read(node, name) : null;

    public TimeSpan? Duration(string name) => TextOrNull(name) is not { } text ? null
        : Domain.Library.Duration.TryParse(text, out var value) ? value
        : throw new StepInputException($"'{name}' is '{text}', which is no duration such as 90s or 5m.");

    public int? Number(string name) => TextOrNull(name) is not { } text ? null
        : int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) ? value
        : throw new StepInputException($"'{name}' is '{text}', which is no whole number.");

    public bool Flag(string name) => TextOrNull(name) == "true";

    public IReadOnlyList<string> List(string name) =>
        values[name] is JsonArray array ? [.. array.Select((item, i) => Read(item, $"{name}[{i}]"))] : [];

    public IReadOnlyDictionary<string, string> Map(string name) =>
        values[name] is JsonObject map ? map.ToDictionary(p => p.Key, p => Read(p.Value, $"{name}.{p.Key}"), StringComparer.Ordinal) : new Dictionary<string, string>();

    public IReadOnlyList<JsonNode> Nodes(string name) => values[name] is JsonArray array ? [.. array.OfType<JsonNode>()] : [];

    private string Read(JsonNode? node, string name) => node switch
    {
        null => "",
        JsonObject { Count: 1 } o when o["secret"] is JsonValue secret => secrets is null ? $"(secret {secret})" : secrets.Find(secret.ToString())
            ?? throw new StepInputException($"'{name}' names the secret '{secret}', which this console does not have. Set Secrets__{secret}."),
        JsonValue value => value.ToString(),
        _ => throw new StepInputException($"'{name}' is no text."),
    };
}
