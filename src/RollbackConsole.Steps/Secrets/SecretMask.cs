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

    /// <summary>Characters of an encoded secret that give a piece of it away: tools break what they encode into lines, and no line holds the whole.</summary>
    private const int Piece = 16;

    /// <summary>Every piece of every encoded form.</summary>
    private ImmutableHashSet<string> _pieces = [];

    /// <summary>Knows a value, in every form in which it can show, from now on.</summary>
    public void Add(string secret)
    {
        // As lines show it: without the line break at its end, line by line, as SQL quotes it, in URLs, in hex, and in base64 wherever in a longer text it stands.
        var trimmed = secret.Trim();
        var bytes = Encoding.UTF8.GetBytes(trimmed);
        string[] encoded = [Convert.ToHexString(bytes), Convert.ToHexStringLower(bytes), .. Base64(Encoding.UTF8.GetBytes(secret)), .. Base64(bytes)];
        string[] forms = [secret, trimmed, .. trimmed.Split('\n').Select(l => l.Trim()), trimmed.Replace("'", "''", StringComparison.Ordinal), Uri.EscapeDataString(trimmed), .. encoded];
        foreach (var value in forms.Where(f => f.Length >= Shortest).Distinct(StringComparer.Ordinal))
            ImmutableInterlocked.Update(ref _values, list => list.Contains(value) ? list : list.Add(value).Sort((a, b) => b.Length - a.Length));
        var pieces = encoded.Distinct(StringComparer.Ordinal).SelectMany(e => Enumerable.Range(0, Math.Max(0, e.Length - Piece + 1)).Select(at => e.Substring(at, Piece))).ToList();
        if (!pieces.TrueForAll(_pieces.Contains)) ImmutableInterlocked.Update(ref _pieces, set => set.Union(pieces));
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
        return _pieces.IsEmpty ? text : WithoutPieces(text);
    }

    /// <summary>Takes out whatever stretch of a line is made of pieces of an encoded secret.</summary>
    private string WithoutPieces(string text)
    {
        StringBuilder? clean = null;
        var kept = 0;
        for (var at = 0; at + Piece <= text.Length; at++)
        {
            // Only in long words can there be one: most lines have none.
            if (at == 0 || !IsEncoded(text[at - 1]))
            {
                var end = at;
                while (end < text.Length && IsEncoded(text[end])) end++;
                if (end - at < Piece)
                {
                    at = end;
                    continue;
                }
            }
            if (!_pieces.Contains(text.Substring(at, Piece))) continue;
            var last = at + 1;
            while (last + Piece <= text.Length && _pieces.Contains(text.Substring(last, Piece))) last++;
            (clean ??= new StringBuilder()).Append(text, kept, at - kept).Append(Shown);
            kept = last - 1 + Piece;
            at = kept - 1;
        }
        return clean is null ? text : clean.Append(text, kept, text.Length - kept).ToString();
    }

    private static bool IsEncoded(char c) => char.IsAsciiLetterOrDigit(c) || c is '+' or '/' or '-' or '_';

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
