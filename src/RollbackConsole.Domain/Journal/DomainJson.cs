using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using RollbackConsole.Domain.Library;
using RollbackConsole.Domain.Plans;

namespace RollbackConsole.Domain.Journal;

/// <summary>The one JSON dialect of journal, API and hub: camelCase, enums by name, durations as <c>5m</c>.</summary>
public static class DomainJson
{
    public static readonly JsonSerializerOptions Options = Configure(new JsonSerializerOptions(JsonSerializerDefaults.Web));

    public static string Text<T>(T value) => JsonSerializer.Serialize(value, Options);

    public static JsonSerializerOptions Configure(JsonSerializerOptions options)
    {
        options.DefaultIgnoreCondition = JsonIgnoreCondition.Never;
        options.Encoder = JavaScriptEncoder.Default;
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false));
        options.Converters.Add(new DurationConverter());
        return options;
    }

    private sealed class DurationConverter : JsonConverter<TimeSpan>
    {
        public override TimeSpan Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            Duration.TryReadBack(reader.GetString() ?? "", out var value)
                ? value
                : throw new JsonException("A duration is written like 90s, 5m or 1h30m.");

        public override void Write(Utf8JsonWriter writer, TimeSpan value, JsonSerializerOptions options) =>
            writer.WriteStringValue(Duration.Format(value));
    }
}
