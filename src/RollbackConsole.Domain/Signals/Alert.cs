using RollbackConsole.Domain.Severity;

namespace RollbackConsole.Domain.Signals;

/// <summary>An alert as the console keeps it, whoever sent it.</summary>
/// <param name="Fingerprint">The same for every notification about the same alert.</param>
/// <param name="StartsAt">When this firing began; a later one is a new firing.</param>
/// <param name="StartAssumed">The sender gave no start that can be believed: a repeat must not look like a new firing.</param>
/// <param name="Assumed">What the alert did not say and the console had to assume, for people to read.</param>
public sealed record Alert(
    string Fingerprint, string Name, string Service, string Environment, Level Severity, TriggerAction Action, bool Firing,
    DateTimeOffset StartsAt, DateTimeOffset? EndsAt, string Summary, string? Assumed, bool StartAssumed = false);

/// <summary>Reads the labels of an alert. A missing label never loses an alert: what must be assumed is assumed on the bad side, and said.</summary>
public static class AlertLabels
{
    /// <summary>A sender's clock may be off by this much; beyond it the console's own time is taken.</summary>
    public static readonly TimeSpan Skew = TimeSpan.FromMinutes(5);

    /// <summary>Where an alert goes that names no service.</summary>
    public const string NoService = "unassigned";

    private const int LongestName = 100;
    private const int LongestSummary = 500;

    private static readonly string[] ServiceLabels = ["service", "app", "app_kubernetes_io_name", "component", "deployment", "job"];
    private static readonly string[] EnvironmentLabels = ["environment", "env", "stage", "cluster"];

    public static Alert Read(IReadOnlyDictionary<string, string> labels, IReadOnlyDictionary<string, string> annotations, bool firing, DateTimeOffset? startsAt, DateTimeOffset? endsAt, string? fingerprint, DateTimeOffset now)
    {
        var assumed = new List<string>();
        var name = First(labels, "alertname") ?? "alert";
        if (First(labels, "alertname") is null) assumed.Add("it has no name");
        var service = First(labels, ServiceLabels);
        if (service is null) assumed.Add($"no service is named, '{NoService}' is taken");
        var environment = First(labels, EnvironmentLabels);
        if (environment is null) assumed.Add("no environment is named, production is taken");
        var start = startsAt ?? now;
        if (start > now + Skew) assumed.Add($"its start {start:O} lies in the future, the time of arrival is taken");
        return new Alert(Key(labels, fingerprint), Cut(name, LongestName), Cut(service ?? NoService, LongestName), Cut(environment ?? "production", LongestName),
            SeverityOf(labels, assumed), ActionOf(labels), firing, start > now + Skew ? now : start, firing ? null : Earlier(endsAt ?? now, now),
            Cut(First(annotations, "summary", "description", "message") ?? name, LongestSummary), assumed.Count == 0 ? null : string.Join("; ", assumed), startsAt is null || start > now + Skew);
    }

    private static Level SeverityOf(IReadOnlyDictionary<string, string> labels, List<string> assumed)
    {
        switch (First(labels, "severity", "priority", "level")?.ToLowerInvariant())
        {
            case "critical" or "page" or "emergency" or "fatal" or "p1" or "sev1": return Level.Critical;
            case "high" or "error" or "major" or "p2" or "sev2": return Level.High;
            case "medium" or "warning" or "warn" or "minor" or "p3" or "sev3": return Level.Medium;
            case "low" or "info" or "information" or "notice" or "none" or "p4" or "sev4": return Level.Low;
            case null:
                assumed.Add("no severity is named, high is taken");
                return Level.High;
            case var other:
                assumed.Add($"the severity '{Cut(other, 40)}' is not known, high is taken");
                return Level.High;
        }
    }

    private static TriggerAction ActionOf(IReadOnlyDictionary<string, string> labels) => First(labels, "action")?.ToLowerInvariant() switch
    {
        "rollback" or "immediate" or "immediate_rollback" or "immediate-rollback" => TriggerAction.Immediate,
        "gradual" or "gradual_rollback" or "gradual-rollback" => TriggerAction.Gradual,
        "scheduled" or "scheduled_rollback" or "scheduled-rollback" => TriggerAction.Scheduled,
        _ => TriggerAction.Recommend,
    };

    /// <summary>The sender's fingerprint, or one made of all labels.</summary>
    private static string Key(IReadOnlyDictionary<string, string> labels, string? fingerprint) =>
        fingerprint is { Length: > 0 and <= 128 } && fingerprint.All(char.IsAsciiLetterOrDigit)
            ? fingerprint
            : Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(
                string.Join('\n', labels.OrderBy(l => l.Key, StringComparer.Ordinal).Select(l => $"{l.Key.Length}:{l.Key}={l.Value}")))))[..32];

    private static string? First(IReadOnlyDictionary<string, string> labels, params IEnumerable<string> names) =>
        names.Select(n => Plain(labels.GetValueOrDefault(n) ?? "").Trim()).FirstOrDefault(v => v.Length > 0);

    private static DateTimeOffset Earlier(DateTimeOffset a, DateTimeOffset b) => a < b ? a : b;

    /// <summary>The text, or its beginning with an ellipsis; a character of two halves is never cut in two, for the database takes no half.</summary>
    public static string Cut(string text, int longest) => text.Length <= longest ? text : text[..(char.IsHighSurrogate(text[longest - 2]) ? longest - 2 : longest - 1)] + "…";

    // What the database cannot hold must not cost the alert.
    private static string Plain(string text) => text.Replace("\0", "", StringComparison.Ordinal);
}
