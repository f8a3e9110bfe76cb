namespace RollbackConsole.Web.Cli;

/// <summary>The words make no command; the message says which.</summary>
public sealed class UsageException(string message) : Exception(message);

/// <summary>Words first, then options: <c>--name value</c>, <c>--name=value</c>, <c>--name value value</c>, given once or several times.</summary>
public sealed record Arguments(string[] Words, ILookup<string, string> Options)
{
    /// <exception cref="UsageException">An option has no value.</exception>
    public static Arguments Parse(string[] args)
    {
        var words = args.TakeWhile(a => !a.StartsWith("--", StringComparison.Ordinal)).ToArray();
        var options = new List<(string Name, string Value)>();
        string? name = null;
        var given = 0;
        foreach (var arg in args.Skip(words.Length).Append("--"))
        {
            if (!arg.StartsWith("--", StringComparison.Ordinal))
            {
                options.Add((name!, arg));
                given++;
                continue;
            }
            if (name is not null && given == 0) throw new UsageException($"--{name} needs a value.");
            var parts = arg[2..].Split('=', 2);
            (name, given) = (parts[0], 0);
            if (parts.Length < 2) continue;
            options.Add((name, parts[1]));
            given = 1;
        }
        return new Arguments(words, options.ToLookup(o => o.Name, o => o.Value, StringComparer.Ordinal));
    }

    /// <summary>Refuses options that the command does not have: a misspelt one must not be a missing one.</summary>
    /// <exception cref="UsageException">An option is not known.</exception>
    public Arguments Only(params string[] known)
    {
        var unknown = Options.Select(o => o.Key).FirstOrDefault(k => !known.Contains(k, StringComparer.Ordinal));
        return unknown is null ? this
            : throw new UsageException($"'{string.Join(' ', Words)}' does not know --{unknown}{(known.Length == 0 ? "" : "; it knows --" + string.Join(", --", known))}.");
    }

    public string One(string name) => OneOrNull(name) ?? throw new UsageException($"--{name} is missing.");

    /// <exception cref="UsageException">There is more than one value.</exception>
    public string? OneOrNull(string name) => Options[name].Count() <= 1 ? Options[name].FirstOrDefault()
        : throw new UsageException($"--{name} takes one value; there are {Options[name].Count()}: {string.Join(", ", Options[name])}.");

    /// <summary>Each value; several may stand in one, separated by commas.</summary>
    public IReadOnlyList<string> Many(string name) =>
        [.. Options[name].SelectMany(v => v.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))];

    /// <summary>Values of the form <c>name=value</c>; the last of a name counts.</summary>
    /// <exception cref="UsageException">One has no equals sign.</exception>
    public Dictionary<string, string> Pairs(string name)
    {
        var pairs = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var value in Options[name])
        {
            var parts = value.Split('=', 2);
            pairs[parts[0]] = parts.Length == 2 ? parts[1] : throw new UsageException($"--{name} {value}: write --{name} name=value.");
        }
        return pairs;
    }
}
