using System.Collections.Frozen;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace RollbackConsole.Domain.Severity;

/// <summary>What a signal's figure means, and hence its range.</summary>
public enum SignalUnit
{
    /// <summary>It is so, or it is not.</summary>
    Fact,
    /// <summary>A share of all, 0 to 1.</summary>
    Fraction,
    /// <summary>Above the baseline, as a fraction of it: 0.5 is 50 % more than usual; from 0 up.</summary>
    Increase,
    /// <summary>A multiple of the baseline, from 0 up: 3 is three times the usual.</summary>
    Ratio,
    /// <summary>Seconds, from 0 up.</summary>
    Seconds,
    /// <summary>Growth per hour as a fraction: 0.1 is 10 % in an hour; from 0 up.</summary>
    PerHour,
    /// <summary>A number of things, from 0 up.</summary>
    Count,
}

/// <summary>A signal that a matrix uses.</summary>
/// <param name="Metric">The metric whose readings give it; an <see cref="SignalUnit.Increase"/> or a <see cref="SignalUnit.Ratio"/> is taken against the reading's baseline.</param>
public sealed record SignalDefinition(string Name, string Title, SignalUnit Unit, string Metric)
{
    /// <summary>Why a figure cannot be one of this signal; null when it can.</summary>
    public string? Complaint(double value) =>
        !double.IsFinite(value) || value < 0 ? "It must be a finite number from 0 up."
        : Unit == SignalUnit.Fraction && value > 1 ? "It is a fraction and must be from 0 to 1, such as 0.31."
        : null;

    /// <summary>The figure as people say it.</summary>
    public string Show(double value) => Unit switch
    {
        SignalUnit.Fraction or SignalUnit.Increase => Number(value * 100) + " %",
        SignalUnit.PerHour => Number(value * 100) + " % an hour",
        SignalUnit.Ratio => Number(value) + " × baseline",
        SignalUnit.Seconds => value < 1 ? Number(value * 1000) + " ms" : Number(value) + " s",
        SignalUnit.Count => Number(value),
        _ => value >= 0.5 ? "yes" : "no",
    };

    private static string Number(double value) => value.ToString("0.##", System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>What monitoring or a person says about a service: figures, and facts that hold.</summary>
[JsonConverter(typeof(SignalSetConverter))]
public sealed record SignalSet(FrozenDictionary<string, double> Figures, FrozenSet<string> Facts)
{
    public static readonly SignalSet None = Of();

    public bool Any => Figures.Count > 0 || Facts.Count > 0;

    public IEnumerable<string> Names => Figures.Keys.Concat(Facts);

    public static SignalSet Of(params IEnumerable<(string Name, double Value)> figures) =>
        new(figures.ToFrozenDictionary(f => f.Name, f => f.Value, StringComparer.Ordinal), FrozenSet<string>.Empty);

    public SignalSet And(params IEnumerable<string> facts) => this with { Facts = Facts.Concat(facts).ToFrozenSet(StringComparer.Ordinal) };

    /// <summary>Both together; a figure of <paramref name="newer"/> replaces an older one.</summary>
    public SignalSet With(SignalSet newer) => new(
        Figures.Where(f => !newer.Figures.ContainsKey(f.Key)).Concat(newer.Figures).ToFrozenDictionary(f => f.Key, f => f.Value, StringComparer.Ordinal),
        Facts.Concat(newer.Facts).ToFrozenSet(StringComparer.Ordinal));
}

/// <summary>One flat object: numbers are figures, <c>true</c> is a fact, <c>false</c> and null say nothing.</summary>
internal sealed class SignalSetConverter : JsonConverter<SignalSet>
{
    public override SignalSet Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.StartObject) throw new JsonException("Signals are an object.");
        var figures = new Dictionary<string, double>(StringComparer.Ordinal);
        var facts = new HashSet<string>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            reader.Read();
            switch (reader.TokenType)
            {
                case JsonTokenType.Number: figures[name] = reader.GetDouble(); break;
                case JsonTokenType.True: facts.Add(name); break;
                case JsonTokenType.False or JsonTokenType.Null: break;
                default: throw new JsonException($"The signal '{name}' must be a number, true or false.");
            }
        }
        return new SignalSet(figures.ToFrozenDictionary(StringComparer.Ordinal), facts.ToFrozenSet(StringComparer.Ordinal));
    }

    public override void Write(Utf8JsonWriter writer, SignalSet value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        foreach (var (name, figure) in value.Figures.OrderBy(f => f.Key, StringComparer.Ordinal)) writer.WriteNumber(name, figure);
        foreach (var fact in value.Facts.Order(StringComparer.Ordinal)) writer.WriteBoolean(fact, true);
        writer.WriteEndObject();
    }
}
