namespace RollbackConsole.Web.Cli;

/// <summary>The words make no command; the message says which.</summary>
public sealed class UsageException(string message) : Exception(message);

/// <summary>Words and <c>--name value</c> options, each of which may be given several times.</summary>
public sealed record Arguments(string[] Words, ILookup<string, string> Options)
{
    /// <exception cref="UsageException">An option has no value.</exception>
    public static Arguments Parse(string[] args)
    {
        var words = new List<string>();
        var options = new List<(string, string)>();
        for (var i = 0; i < args.Length; i++)
        {
            if (!args[i].StartsWith("--", StringComparison.Ordinal)) words.Add(args[i]);
            else if (i + 1 < args.Length) options.Add((args[i][2..], args[++i]));
            else throw new UsageException($"{args[i]} needs a value.");
        }
        return new Arguments([.. words], options.ToLookup(o => o.Item1, o => o.Item2, StringComparer.Ordinal));
    }

    public string One(string name) => OneOrNull(name) ?? throw new UsageException($"--{name} is missing.");

    public string? OneOrNull(string name) => Options[name].LastOrDefault();

    /// <summary>Each value; several may stand in one, separated by commas.</summary>
    public IReadOnlyList<string> Many(string name) => [.. Options[name].SelectMany(v => name == "set" ? [v] : v.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))];
}
