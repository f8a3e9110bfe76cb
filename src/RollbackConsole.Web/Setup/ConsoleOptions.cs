using System.Text.RegularExpressions;

namespace RollbackConsole.Web.Setup;

/// <summary>Where the console listens and keeps its files.</summary>
public sealed class ConsoleOptions
{
    public string Urls { get; set; } = "";
    public string DataDirectory { get; set; } = "";
    public string Node { get; set; } = "";
    public string Library { get; set; } = "";
    public string TrustedProxies { get; set; } = "";
}

/// <summary>The demo target.</summary>
public sealed class DemoOptions
{
    public bool Enabled { get; set; }
    public int Port { get; set; }
    public string Shop { get; set; } = "";
}

/// <summary>One or more settings are wrong; nothing was started.</summary>
public sealed class InvalidSettingsException(IReadOnlyList<string> errors)
    : Exception("The console did not start, because of its settings:" + string.Concat(errors.Select(e => Environment.NewLine + "  " + e)))
{
    public IReadOnlyList<string> Errors { get; } = errors;
}

/// <summary>Checks the settings before anything starts, and reports every error at once, each naming its key.</summary>
public static partial class SettingsCheck
{
    /// <summary>Sections whose keys are all known; a key that is not in the template is a typing error.</summary>
    private static readonly Dictionary<string, string[]> Known = new(StringComparer.OrdinalIgnoreCase)
    {
        ["Console"] = [nameof(ConsoleOptions.Urls), nameof(ConsoleOptions.DataDirectory), nameof(ConsoleOptions.Node), nameof(ConsoleOptions.Library), nameof(ConsoleOptions.TrustedProxies)],
        ["Demo"] = [nameof(DemoOptions.Enabled), nameof(DemoOptions.Port), nameof(DemoOptions.Shop)],
        ["Engine"] = ["LeaseLength", "ReconcileEvery", "LogFlushEvery", "HandOverWithin", "MostRuns"],
        ["Targets"] = ["Databases", "Directories"],
        ["Prometheus"] = ["Sources"],
        ["Channels"] = ["Webhooks"],
        ["Audit"] = ["Checkpoints", "Every"],
        ["Steps"] = ["RunAs", "SecretsFolder"],
        ["OAuth"] = ["Title", "ClientId", "ClientSecret", "AuthorizationEndpoint", "TokenEndpoint", "UserInformationEndpoint", "Scopes", "SubjectField", "NameField", "GroupsField", "Roles"],
    };

    /// <exception cref="InvalidSettingsException">Something is wrong.</exception>
    public static void Throw(IConfiguration settings)
    {
        var errors = Errors(settings).ToList();
        if (errors.Count > 0) throw new InvalidSettingsException(errors);
    }

    public static IEnumerable<string> Errors(IConfiguration settings)
    {
        foreach (var (section, keys) in Known)
            foreach (var child in settings.GetSection(section).GetChildren().Where(c => !keys.Contains(c.Key, StringComparer.OrdinalIgnoreCase)))
                yield return $"{section}:{child.Key} is not known; {section} has {string.Join(", ", keys)}.";
        var urls = (settings["Console:Urls"] ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (urls.Length == 0) yield return "Console:Urls is empty; give an address such as http://127.0.0.1:5080.";
        foreach (var url in urls)
            if (!Uri.TryCreate(url.Replace("*", "localhost", StringComparison.Ordinal).Replace("+", "localhost", StringComparison.Ordinal), UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https"))
                yield return $"Console:Urls: '{url}' is no http or https address.";
        if (string.IsNullOrWhiteSpace(settings["Console:DataDirectory"])) yield return "Console:DataDirectory is empty; give a folder for backups, scripts and the embedded database.";
        if (settings["Console:Library"] is { Length: > 0 } library && !Directory.Exists(library)) yield return $"Console:Library: the folder {library} is not there.";
        foreach (var proxy in (settings["Console:TrustedProxies"] ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            if (!System.Net.IPAddress.TryParse(proxy, out _)) yield return $"Console:TrustedProxies: '{proxy}' is no IP address.";
        if (settings.GetConnectionString("Console") is { Length: > 0 } connection && ConnectionProblem(connection) is { } problem)
            yield return $"ConnectionStrings:Console: {problem}";
        foreach (var key in (string[])["LeaseLength", "ReconcileEvery", "LogFlushEvery", "HandOverWithin"])
            if (!TimeSpan.TryParse(settings["Engine:" + key], System.Globalization.CultureInfo.InvariantCulture, out var span) || span < TimeSpan.FromMilliseconds(10) || span > TimeSpan.FromMinutes(10))
                yield return $"Engine:{key} must be a time from 00:00:00.010 to 00:10:00; it is '{settings["Engine:" + key]}'.";
        if (!TimeSpan.TryParse(settings["Audit:Every"], System.Globalization.CultureInfo.InvariantCulture, out var every) || every < TimeSpan.FromSeconds(1) || every > TimeSpan.FromDays(1))
            yield return $"Audit:Every must be a time from 00:00:01 to 1.00:00:00; it is '{settings["Audit:Every"]}'.";
        if (!int.TryParse(settings["Engine:MostRuns"], out var most) || most is < 1 or > 500) yield return $"Engine:MostRuns must be a whole number from 1 to 500; it is '{settings["Engine:MostRuns"]}'.";
        if (settings["OAuth:ClientId"] is { Length: > 0 })
        {
            foreach (var key in (string[])["AuthorizationEndpoint", "TokenEndpoint", "UserInformationEndpoint"])
                if (!IsWebAddress(settings["OAuth:" + key])) yield return $"OAuth:{key} must be an http or https address; it is '{settings["OAuth:" + key]}'.";
            foreach (var key in (string[])["ClientSecret", "SubjectField", "NameField"])
                if (string.IsNullOrEmpty(settings["OAuth:" + key])) yield return $"OAuth:{key} is empty.";
            if (!settings.GetSection("OAuth:Roles").GetChildren().Any()) yield return "OAuth:Roles is empty: name the provider's group for at least one role, or nobody can sign in.";
            foreach (var role in settings.GetSection("OAuth:Roles").GetChildren().Where(r => !Domain.Access.Role.All.Contains(r.Key, StringComparer.Ordinal)))
                yield return $"OAuth:Roles:{role.Key} is no role; there are {string.Join(", ", Domain.Access.Role.All)}.";
        }
        if (settings["Steps:RunAs"] is { Length: > 0 } runAs && !RunAsUser().IsMatch(runAs)) yield return $"Steps:RunAs must be the name of a user of this machine; it is '{runAs}'.";
        else if (settings["Steps:RunAs"] is { Length: > 0 } && !Environment.IsPrivilegedProcess) yield return "Steps:RunAs needs a console that may become another user; run it as root, or leave the setting empty.";
        if (settings["Steps:SecretsFolder"] is { Length: > 0 } secrets && !Path.IsPathRooted(secrets)) yield return $"Steps:SecretsFolder must be an absolute path; it is '{secrets}'.";
        foreach (var target in settings.GetSection("Targets:Databases").GetChildren())
            if (ConnectionProblem(target.Value ?? "") is { } bad) yield return $"Targets:Databases:{target.Key}: {bad}";
        foreach (var prometheus in settings.GetSection("Prometheus:Sources").GetChildren())
            if (!IsWebAddress(prometheus.Value)) yield return $"Prometheus:Sources:{prometheus.Key} must be an http or https address; it is '{prometheus.Value}'.";
        foreach (var hook in settings.GetSection("Channels:Webhooks").GetChildren())
        {
            foreach (var key in hook.GetChildren().Where(c => c.Key is not ("Url" or "Token"))) yield return $"Channels:Webhooks:{hook.Key}:{key.Key} is not known; a webhook has Url and Token.";
            if (!IsWebAddress(hook["Url"])) yield return $"Channels:Webhooks:{hook.Key}:Url must be an http or https address; it is '{hook["Url"]}'.";
        }
        foreach (var folder in settings.GetSection("Targets:Directories").GetChildren())
            if (!Path.IsPathRooted(folder.Value ?? "")) yield return $"Targets:Directories:{folder.Key} must be an absolute path; it is '{folder.Value}'.";
        if (!bool.TryParse(settings["Demo:Enabled"], out var demo)) yield return $"Demo:Enabled must be true or false; it is '{settings["Demo:Enabled"]}'.";
        if (demo && !File.Exists(settings["Demo:Shop"])) yield return $"Demo:Shop: the shop's assembly {settings["Demo:Shop"]} is not there; ./deploy/run builds it.";
        if (!int.TryParse(settings["Demo:Port"], out var port) || port is < 0 or > 65535) yield return $"Demo:Port must be a port from 0 (any free one) to 65535; it is '{settings["Demo:Port"]}'.";
    }

    [GeneratedRegex("^[a-z_][a-z0-9_-]{0,31}$", RegexOptions.None, 1000)]
    private static partial Regex RunAsUser();

    private static bool IsWebAddress(string? text) => Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is ("http" or "https");

    private static string? ConnectionProblem(string text)
    {
        try
        {
            return string.IsNullOrEmpty(new Npgsql.NpgsqlConnectionStringBuilder(text).Host) ? "it names no Host." : null;
        }
        catch (ArgumentException e)
        {
            // Never repeat the text: it holds a password.
            return "it is no connection string: " + e.Message.Split('\n')[0];
        }
    }
}
