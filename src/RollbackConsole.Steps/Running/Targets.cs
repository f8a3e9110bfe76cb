using Microsoft.Extensions.Options;
using Npgsql;

namespace RollbackConsole.Steps.Running;

/// <summary>The systems and folders that plans may name. A plan names a target; only the settings say where it is.</summary>
public sealed class TargetOptions
{
    /// <summary>PostgreSQL databases by name, each with its connection string.</summary>
    public Dictionary<string, string> Databases { get; set; } = new(StringComparer.Ordinal);

    /// <summary>Folders by name, each an absolute path.</summary>
    public Dictionary<string, string> Directories { get; set; } = new(StringComparer.Ordinal);
}

/// <summary>Resolves the names that plans use.</summary>
public sealed class Targets(IOptionsMonitor<TargetOptions> options)
{
    /// <exception cref="StepInputException">No database of that name is configured.</exception>
    public NpgsqlConnectionStringBuilder Database(string name) =>
        options.CurrentValue.Databases.TryGetValue(name, out var text)
            ? new NpgsqlConnectionStringBuilder(text) { Pooling = false, ApplicationName = "rollback-console-step" }
            : throw new StepInputException($"No database '{name}' is configured. Set Targets__Databases__{name} to its connection string.");

    /// <exception cref="StepInputException">No folder of that name is configured, or it is not there.</exception>
    public string Directory(string name)
    {
        if (!options.CurrentValue.Directories.TryGetValue(name, out var path))
            throw new StepInputException($"No folder '{name}' is configured. Set Targets__Directories__{name} to its path.");
        return System.IO.Directory.Exists(path) ? path : throw new StepInputException($"The folder '{name}' ({path}) is not there.");
    }

    /// <summary>A file in the run's own folder (absolute, as <c>{{run.directory}}/…</c> gives it, or relative to it),
    /// or <c>name:path</c> in a configured folder. Nothing else: a value must not walk out of them.</summary>
    public string File(string text, string runDirectory)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        var (root, path) = colon > 0 ? (Directory(text[..colon]), text[(colon + 1)..]) : (runDirectory, text);
        root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(root));
        var full = Path.GetFullPath(Path.Combine(root, path));
        return full.StartsWith(root + Path.DirectorySeparatorChar, StringComparison.Ordinal)
            ? full
            : throw new StepInputException($"The file '{text}' lies outside {root}. Use the run's folder, or name:path with a configured folder.");
    }
}
