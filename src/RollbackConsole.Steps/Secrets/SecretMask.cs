using System.Text;

namespace RollbackConsole.Steps.Secrets;

/// <summary>Takes the values of known secrets out of texts before they are stored or shown.</summary>
public sealed class SecretMask
{
    public const string Shown = "•••";

    /// <summary>Shorter values would blank out ordinary words and tell more than they hide.</summary>
    public const int Shortest = 4;

    /// <summary>Shorter values are known only once a step was given them: what is merely there, such as the name of a database user, must not blank out words of every line.</summary>
    private const int ShortestLearnt = 8;

    /// <summary>A line of a longer secret that nobody was given yet; a key file also has lines such as <c>kind: Config</c>.</summary>
    private const int ShortestLearntLine = 20;

    /// <summary>Characters of an encoded secret that give a piece of it away: tools break what they encode into lines, and no line holds the whole.</summary>
    private const int Piece = 16;

    /// <summary>Bytes; of longer ones every line is known, which is what shows.</summary>
    private const int LongestInPieces = 4096;

    private readonly Lock _adding = new();
    private readonly HashSet<(string Secret, bool Given)> _seen = [];

    /// <summary>Longest first, so that a secret which contains another goes as a whole. Replaced as a whole: readers take no lock.</summary>
    private volatile string[] _values = [];

    /// <summary>Every piece of every encoded form.</summary>
    private volatile HashSet<string> _pieces = new(StringComparer.Ordinal);

    /// <summary>Knows a value that a step is given, in every form in which it can show, from now on.</summary>
    public void Add(string secret) => Know(secret, given: true);

    /// <summary>Knows a value that is there for some step, somewhere.</summary>
    public void Learn(string secret)
    {
        if (secret.Trim().Length >= ShortestLearnt) Know(secret, given: false);
    }

    private void Know(string secret, bool given)
    {
        lock (_adding)
        {
            if (!_seen.Add((secret, given))) return;
            // As lines show it: without the line break at its end, line by line, as SQL quotes it, in URLs, in hex, and in base64 wherever in a longer text it stands.
            var trimmed = secret.Trim();
            var bytes = Encoding.UTF8.GetBytes(trimmed);
            string[] encoded = [Convert.ToHexString(bytes), Convert.ToHexStringLower(bytes), .. Base64(Encoding.UTF8.GetBytes(secret)), .. Base64(bytes)];
            var lines = trimmed.Split('\n').Select(l => l.Trim()).Where(l => given || l.Length >= ShortestLearntLine);
            string[] forms = [secret, trimmed, .. lines, trimmed.Replace("'", "''", StringComparison.Ordinal), Uri.EscapeDataString(trimmed), .. encoded];
            _values = [.. _values.Concat(forms.Where(f => f.Length >= Shortest)).Distinct(StringComparer.Ordinal).OrderByDescending(v => v.Length)];
            if (bytes.Length > LongestInPieces) return;
            var pieces = new HashSet<string>(_pieces, StringComparer.Ordinal);
            foreach (var form in encoded)
                for (var at = 0; at + Piece <= form.Length; at++) pieces.Add(form.Substring(at, Piece));
            _pieces = pieces;
        }
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
        return _pieces.Count == 0 ? text : WithoutPieces(text);
    }

    /// <summary>Takes out whatever stretch of a line is made of pieces of an encoded secret.</summary>
    private string WithoutPieces(string text)
    {
        var pieces = _pieces.GetAlternateLookup<ReadOnlySpan<char>>();
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
            if (!pieces.Contains(text.AsSpan(at, Piece))) continue;
            var last = at + 1;
            while (last + Piece <= text.Length && pieces.Contains(text.AsSpan(last, Piece))) last++;
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
