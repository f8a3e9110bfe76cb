using Microsoft.Extensions.Configuration;

namespace RollbackConsole.Steps.Secrets;

/// <summary>Looks secrets up by name while a step runs. One file per provider.</summary>
public interface ISecrets
{
    /// <summary>The value, known to the mask from now on; null when there is none of that name.</summary>
    string? Find(string name);
}

/// <summary>Asks each provider in turn; the first that knows the name answers.</summary>
public sealed class SecretProviders(SettingsSecrets settings, FolderSecrets folder) : ISecrets
{
    public string? Find(string name) => settings.Find(name) ?? folder.Find(name);
}

/// <summary>Secrets from a folder with one file for each, as orchestrators mount them. Read at every use: a rotated secret counts at once.</summary>
public sealed class FolderSecrets(IConfiguration settings, SecretMask mask) : ISecrets
{
    /// <summary>Bytes; a larger file is no secret but a mistake.</summary>
    private const int Largest = 64 * 1024;

    public string? Find(string name)
    {
        // A name is one file of the folder, never a way out of it.
        if (settings["Steps:SecretsFolder"] is not { Length: > 0 } folder || name.Length == 0 || name[0] == '.' || name.Any(c => !(char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'))) return null;
        var file = new FileInfo(Path.Combine(folder, name));
        if (!file.Exists || file.Length > Largest) return null;
        var value = File.ReadAllText(file.FullName).TrimEnd('\r', '\n');
        mask.Add(value);
        return value;
    }
}

/// <summary>Secrets from the settings: <c>Secrets:NAME</c>, or the variable <c>Secrets__NAME</c>.</summary>
public sealed class SettingsSecrets(IConfiguration settings, SecretMask mask) : ISecrets
{
    public string? Find(string name)
    {
        var value = settings["Secrets:" + name];
        if (value is not null) mask.Add(value);
        return value;
    }
}
