using System.Text.RegularExpressions;

namespace RollbackConsole.Domain.Plans;

/// <summary>Finds what a template asks for, so that a misspelt parameter is refused when the plan is written, not at 3 a.m.</summary>
public static partial class TemplateReferences
{
    public static bool Any(string text) => text.Contains("{{", StringComparison.Ordinal);

    /// <summary>Every dotted path between double braces; block keywords are left out, literals too.</summary>
    public static IEnumerable<string> In(string text)
    {
        foreach (Match mustache in Mustache().Matches(text))
            foreach (Match path in DottedPath().Matches(Literals().Replace(mustache.Groups["inside"].Value, " ")))
                if (path.Value is not ("if" or "else" or "unless" or "each" or "with" or "this" or "true" or "false" or "lookup"))
                    yield return path.Value;
    }

    [GeneratedRegex(@"\{\{\{?(?<inside>[^{}]*)\}?\}\}", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Mustache();

    [GeneratedRegex("""
        "[^"]*"|'[^']*'
        """, RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Literals();

    [GeneratedRegex(@"(?<![@\w./-])[A-Za-z_][\w-]*(\.(\[[^\]]*\]|[\w-]+))*", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex DottedPath();
}
