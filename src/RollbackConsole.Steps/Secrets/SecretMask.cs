using System.Collections.Immutable;
using System.Text;

namespace RollbackConsole.Steps.Secrets;

/// <summary>Takes the values of known secrets out of texts before they are stored or shown.</summary>
public sealed class SecretMask
{
    public const string Shown = "•••";

    /// <summary>Shorter values would blank out ordinary words and tell more than they hide.</summary>
    public const int Shortest = 4;

    /// <summary>Longest first, so that a secret which contains another goes as a whole.</summary>
    private ImmutableList<string> _values = [];

    /// <summary>Knows a value, in every form in which it can show, from now on.</summary>
    public void Add(string secret)
    {
        // As lines show it: without the line break at its end, line by line, as SQL quotes it, in URLs, in hex, and in base64 wherever in a longer text it stands.
        var trimmed = secret.Trim();
        var bytes = Encoding.UTF8.GetBytes(trimmed);
        string[] forms = [secret, trimmed, .. trimmed.Split('\n').Select(l => l.Trim()), trimmed.Replace("'", "''", StringComparison.Ordinal), Uri.EscapeDataString(trimmed),
            Convert.ToHexString(bytes), Convert.ToHexStringLower(bytes), .. Base64(Encoding.UTF8.GetBytes(secret)), .. Base64(bytes)];
        foreach (var value in forms.Where(f => f.Length >= Shortest).Distinct(StringComparer.Ordinal))
            ImmutableInterlocked.Update(ref _values, list => list.Contains(value) ? list : list.Add(value).Sort((a, b) => b.Length - a.Length));
    }

    /// <summary>The characters that the bytes make in base64 whatever stands before and after them: one form for each of the three places in a group.</summary>
    private static IEnumerable<string> Base64(byte[] bytes)
    {
        yield return Convert.ToBase64String(bytes).TrimEnd('=');
        for (var before = 0; before < 3; before++)
        {
            var text = Convert.ToBase64String([.. new byte[before], .. bytes]);
            // The first and the last group mix with what stands beside.
            var from = before == 0 ? 0 : before + 1;
            var to = (before + bytes.Length) * 8 / 6;
            if (to <= from) continue;
            // Shorter than this, the middle of a short secret would blank out ordinary text.
            var core = text[from..to];
            if (core.Length < 8) continue;
            yield return core;
            yield return core.Replace('+', '-').Replace('/', '_');
        }
    }

    public string Clean(string text)
    {
        foreach (var value in _values)
            if (text.Contains(value, StringComparison.Ordinal)) text = text.Replace(value, Shown, StringComparison.Ordinal);
        return text;
    }

    /// <summary>Where a long text may be cut, at or before <paramref name="at"/>, so that no secret is split and slips through in halves.</summary>
    public int SafeCut(string text, int at)
    {
        foreach (var value in _values)
        {
            var from = Math.Max(0, at - value.Length + 1);
            var length = Math.Min(text.Length, at + value.Length - 1) - from;
            var found = length > 0 ? text.IndexOf(value, from, length, StringComparison.Ordinal) : -1;
            if (found > 0 && found < at) at = found;
        }
        return at;
    }
}
