using System.Text.RegularExpressions;

namespace RollbackConsole.Store.Journal;

internal static partial class JsonText
{
    /// <summary>PostgreSQL stores no zero character in text or jsonb; it becomes the replacement character instead of failing the append.</summary>
    public static string WithoutZero(string json) =>
        json.Contains(@"\u0000", StringComparison.Ordinal) ? EscapedZero().Replace(json, @"${before}\ufffd") : json;

    [GeneratedRegex(@"(?<!\\)(?<before>(\\\\)*)\\u0000", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex EscapedZero();
}
