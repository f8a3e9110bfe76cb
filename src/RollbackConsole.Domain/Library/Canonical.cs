using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace RollbackConsole.Domain.Library;

/// <summary>Content addresses: the same meaning has the same digest, whatever its spacing, comments or key order.</summary>
public static class Canonical
{
    private static readonly JsonWriterOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary><c>sha256:</c> and 64 hex digits over the JSON with sorted keys.</summary>
    public static string Digest(JsonNode? node)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, Compact)) Write(writer, node);
        return "sha256:" + Convert.ToHexStringLower(SHA256.HashData(buffer.ToArray()));
    }

    /// <summary>The document as JSON: plain scalars take their YAML meaning, quoted ones stay text.</summary>
    public static JsonNode? ToJson(DocumentNode node) => node switch
    {
        ScalarNode s => Scalar(s),
        ListNode l => new JsonArray([.. l.Items.Select(ToJson)]),
        MapNode m => new JsonObject(m.Entries.Select(e => KeyValuePair.Create(e.Key.Value, ToJson(e.Value)))),
        _ => throw new InvalidOperationException("Unknown node."),
    };

    private static JsonValue? Scalar(ScalarNode s)
    {
        if (!s.Plain) return JsonValue.Create(s.Value);
        return s.Value switch
        {
            "" or "~" or "null" => null,
            "true" => JsonValue.Create(true),
            "false" => JsonValue.Create(false),
            _ when long.TryParse(s.Value, System.Globalization.NumberStyles.AllowLeadingSign, System.Globalization.CultureInfo.InvariantCulture, out var n)
                && n.ToString(System.Globalization.CultureInfo.InvariantCulture) == s.Value => JsonValue.Create(n),
            _ when decimal.TryParse(s.Value, System.Globalization.NumberStyles.AllowLeadingSign | System.Globalization.NumberStyles.AllowDecimalPoint,
                System.Globalization.CultureInfo.InvariantCulture, out var d)
                && d.ToString(System.Globalization.CultureInfo.InvariantCulture) == s.Value => JsonValue.Create(d),
            _ => JsonValue.Create(s.Value),
        };
    }

    private static void Write(Utf8JsonWriter writer, JsonNode? node)
    {
        switch (node)
        {
            case null:
                writer.WriteNullValue();
                break;
            case JsonObject o:
                writer.WriteStartObject();
                foreach (var (key, value) in o.OrderBy(p => p.Key, StringComparer.Ordinal))
                {
                    writer.WritePropertyName(key);
                    Write(writer, value);
                }
                writer.WriteEndObject();
                break;
            case JsonArray a:
                writer.WriteStartArray();
                foreach (var item in a) Write(writer, item);
                writer.WriteEndArray();
                break;
            default:
                node.WriteTo(writer);
                break;
        }
    }
}
