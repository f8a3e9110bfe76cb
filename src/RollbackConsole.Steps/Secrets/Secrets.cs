using Microsoft.Extensions.Configuration;

namespace RollbackConsole.Steps.Secrets;

/// <summary>Looks secrets up by name while a step runs. One file per provider.</summary>
public interface ISecrets
{
    /// <summary>The value, known to the mask from now on; null when there is none of that name.</summary>
    string? Find(string name);
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
