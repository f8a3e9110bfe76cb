using System.Globalization;
using System.Text.RegularExpressions;
using RollbackConsole.Domain.Journal;

namespace RollbackConsole.Domain.Plans;

/// <summary>Binds the values that a person gave to the parameters that a plan declares.</summary>
public static class ParameterValues
{
    /// <summary>Characters; a value is one argument, not a document.</summary>
    public const int Longest = 4000;

    /// <summary>Every parameter with its value, defaults filled in; or the first complaint, naming the field.</summary>
    public static (IReadOnlyDictionary<string, string> Values, Refusal? Refusal) Bind(Plan plan, IReadOnlyDictionary<string, string> given)
    {
        var values = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var name in given.Keys.Where(k => plan.Parameters.All(p => p.Name != k)))
            return (values, new Refusal(RefusalKind.Invalid, $"The plan {plan.Name} has no parameter '{name}'.", "parameters." + name));
        foreach (var parameter in plan.Parameters)
        {
            var value = given.TryGetValue(parameter.Name, out var text) ? text : parameter.Default;
            if (value is null)
            {
                if (parameter.Required)
                    return (values, new Refusal(RefusalKind.Invalid, $"The parameter '{parameter.Name}' is missing. {parameter.Description}".Trim(), "parameters." + parameter.Name));
                value = "";
            }
            else if (Complaint(parameter, value) is { } bad)
            {
                return (values, new Refusal(RefusalKind.Invalid, bad, "parameters." + parameter.Name));
            }
            values[parameter.Name] = value;
        }
        return (values, null);
    }

    public static string? Complaint(PlanParameter parameter, string value)
    {
        if (value.Length > Longest) return $"'{parameter.Name}' has {value.Length} characters; {Longest} are the most.";
        if (value.Contains('\0')) return $"'{parameter.Name}' holds a zero byte.";
        return parameter.Type switch
        {
            ParameterType.Integer when !long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _) =>
                $"'{parameter.Name}' must be a whole number.",
            ParameterType.Number when !decimal.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out _) =>
                $"'{parameter.Name}' must be a number.",
            ParameterType.Flag when value is not ("true" or "false") => $"'{parameter.Name}' must be true or false.",
            ParameterType.Choice when !parameter.Choices.Contains(value, StringComparer.Ordinal) =>
                $"'{parameter.Name}' must be one of {string.Join(", ", parameter.Choices)}.",
            _ when parameter.Pattern is { } pattern && !Whole(pattern).IsMatch(value) =>
                $"'{parameter.Name}' does not match {pattern}. {parameter.Description}".Trim(),
            _ => null,
        };
    }

    /// <summary>Only expressions that run in linear time: a hostile pattern must not hang the console.</summary>
    public static bool IsPattern(string pattern, out string? why)
    {
        why = null;
        try { _ = Whole(pattern); }
        catch (Exception e) when (e is ArgumentException or NotSupportedException) { why = e.Message; }
        return why is null;
    }

    private static Regex Whole(string pattern) =>
        new(@"\A(?:" + pattern + @")\z", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
}
