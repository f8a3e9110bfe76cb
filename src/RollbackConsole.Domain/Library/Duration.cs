using System.Globalization;
using System.Text;

namespace RollbackConsole.Domain.Library;

/// <summary>Durations as people write them in plans: <c>500ms</c>, <c>90s</c>, <c>5m</c>, <c>1h30m</c>, <c>7d</c>.</summary>
public static class Duration
{
    private static readonly (string Unit, TimeSpan Size)[] Units =
    [
        ("d", TimeSpan.FromDays(1)), ("h", TimeSpan.FromHours(1)), ("m", TimeSpan.FromMinutes(1)),
        ("s", TimeSpan.FromSeconds(1)), ("ms", TimeSpan.FromMilliseconds(1)),
    ];

    /// <summary>What people may write: anything longer is a mistake.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromDays(365);

    /// <summary>Parses; each unit at most once, larger before smaller, at most 365 days in all.</summary>
    public static bool TryParse(string text, out TimeSpan value) => TryParse(text, Longest, out value);

    /// <summary>Reads back whatever <see cref="Format"/> wrote: what is journaled must be readable for ever.</summary>
    public static bool TryReadBack(string text, out TimeSpan value) => TryParse(text, TimeSpan.FromDays(10_000_000), out value);

    private static bool TryParse(string text, TimeSpan most, out TimeSpan value)
    {
        value = TimeSpan.Zero;
        var rest = text.AsSpan();
        if (rest.IsEmpty) return false;
        var next = 0;
        while (!rest.IsEmpty)
        {
            var digits = 0;
            while (digits < rest.Length && char.IsAsciiDigit(rest[digits])) digits++;
            if (digits is 0 or > 9) return false;
            var number = int.Parse(rest[..digits], CultureInfo.InvariantCulture);
            rest = rest[digits..];
            var letters = 0;
            while (letters < rest.Length && char.IsAsciiLetterLower(rest[letters])) letters++;
            var unit = rest[..letters].ToString();
            var at = Array.FindIndex(Units, next, u => u.Unit == unit);
            if (at < 0) return false;
            next = at + 1;
            if (number > most / Units[at].Size) return false;
            value += number * Units[at].Size;
            rest = rest[letters..];
        }
        return value <= most;
    }

    public static string Format(TimeSpan value)
    {
        if (value < TimeSpan.Zero) return "-" + Format(-value);
        if (value < TimeSpan.FromMilliseconds(1)) return "0s";
        var text = new StringBuilder();
        foreach (var (unit, size) in Units)
        {
            var count = (long)(value / size);
            if (count == 0) continue;
            text.Append(count).Append(unit);
            value -= count * size;
        }
        return text.ToString();
    }
}
