using System.Diagnostics;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace RollbackConsole.Steps.Secrets;

/// <summary>Looks secrets up by name while a step runs. One file per provider.</summary>
public interface ISecrets
{
    /// <summary>The value, known to the mask from now on; null when there is none of that name.</summary>
    string? Find(string name);

    /// <summary>Lets the mask know every value there is: a step may show what another one was given, on another node, before this process lived.</summary>
    void Learn();
}

/// <summary>Asks each provider in turn; the first that knows the name answers.</summary>
public sealed class SecretProviders(SettingsSecrets settings, FolderSecrets folder) : ISecrets
{
    public string? Find(string name) => settings.Find(name) ?? folder.Find(name);

    public void Learn()
    {
        settings.Learn();
        folder.Learn();
    }
}

/// <summary>Secrets from a folder with one file for each, as orchestrators mount them. Read at every use: a rotated secret counts at once.</summary>
public sealed class FolderSecrets(IConfiguration settings, SecretMask mask, ILogger<FolderSecrets> log) : ISecrets
{
    /// <summary>Bytes; a larger file is no secret but a mistake.</summary>
    private const int Largest = 64 * 1024;

    /// <summary>A folder that did not change is read again after this time all the same: not every file system says so.</summary>
    private static readonly TimeSpan ReadAgain = TimeSpan.FromSeconds(30);

    private (DateTime Changed, long Read) _learned;

    public void Learn()
    {
        if (settings["Steps:SecretsFolder"] is not { Length: > 0 } folder || !Directory.Exists(folder)) return;
        var changed = Directory.GetLastWriteTimeUtc(folder);
        if (_learned.Changed == changed && Stopwatch.GetElapsedTime(_learned.Read) < ReadAgain) return;
        try
        {
            foreach (var file in Directory.EnumerateFiles(folder)) Learn(Path.GetFileName(file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.LogWarning("The folder of secrets could not be read: {Reason}", e.Message);
        }
        _learned = (changed, Stopwatch.GetTimestamp());
    }

    private void Learn(string name)
    {
        try
        {
            if (Read(name) is { } value) mask.Learn(value);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Replaced at this very moment, or not for us: whoever uses it is told then.
            log.LogWarning("The secret {Name} could not be read: {Reason}", name, e.Message);
        }
    }

    public string? Find(string name)
    {
        var value = Read(name);
        if (value is not null) mask.Add(value);
        return value;
    }

    private string? Read(string name)
    {
        // A name is one file of the folder, never a way out of it.
        if (settings["Steps:SecretsFolder"] is not { Length: > 0 } folder || name.Length == 0 || name[0] == '.' || name.Any(c => !(char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'))) return null;
        var file = new FileInfo(Path.Combine(folder, name));
        if (!file.Exists || file.Length > Largest) return null;
        return File.ReadAllText(file.FullName).TrimEnd('\r', '\n');
    }
}

/// <summary>Secrets from the settings: <c>Secrets:NAME</c>, or the variable <c>Secrets__NAME</c>.</summary>
public sealed class SettingsSecrets(IConfiguration settings, SecretMask mask) : ISecrets
{
    public void Learn()
    {
        foreach (var secret in settings.GetSection("Secrets").GetChildren())
            if (secret.Value is { } value) mask.Learn(value);
    }

    public string? Find(string name)
    {
        var value = settings["Secrets:" + name];
        if (value is not null) mask.Add(value);
        return value;
    }
}
