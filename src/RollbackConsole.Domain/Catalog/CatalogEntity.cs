namespace RollbackConsole.Domain.Catalog;

/// <summary>What a catalog entry describes. The first four are Backstage's; a tenant is ours.</summary>
public enum EntityKind { Component, Resource, System, Group, Tenant }

public sealed record EntityLink(string Title, string Url);

/// <summary>A query that the console asks Prometheus itself.</summary>
/// <param name="Metric">The metric under which the answers are kept, such as <c>errorRate</c>.</param>
/// <param name="Source">A source from the settings (<c>Prometheus:Sources</c>).</param>
public sealed record MetricQuery(string Metric, string Environment, string Source, string Query, double? Baseline, TimeSpan Every);

public sealed record HealthCheck(string Name, string Environment, string Url);

public sealed record Contact(string Title, string Address);

/// <summary>What a service promises.</summary>
/// <param name="Recovery">Recovery time objective.</param>
/// <param name="LastMeasured">The recovery time of the last measured rollback.</param>
public sealed record Objectives(TimeSpan? Recovery, TimeSpan? LastMeasured, double? ErrorRate, double? Latency);

/// <summary>What the console needs to know to help when the service breaks.</summary>
/// <param name="Matrices">The rule sets that speak about this service, before the platform's.</param>
/// <param name="Automatic">The console may ask for a run by itself when a trigger says "automatic"; the approval policy still decides.</param>
public sealed record Operations(
    string? Tenant, string? Industry, IReadOnlyList<string> Environments, IReadOnlyList<HealthCheck> Health, IReadOnlyList<MetricQuery> Metrics, Objectives Objectives,
    IReadOnlyList<Contact> Contacts, IReadOnlyList<string> Matrices, string? Escalation, bool Automatic, TimeSpan? MaximumRollback)
{
    public static readonly Operations None = new(null, null, [], [], [], new Objectives(null, null, null, null), [], [], null, false, null);
}

/// <summary>An entry of the catalog, in the shape of a <c>catalog-info.yaml</c>.</summary>
/// <param name="DependsOn">References such as <c>resource:shop-db</c>.</param>
public sealed record CatalogEntity(
    EntityKind Kind, string Name, string Title, string? Description, IReadOnlyList<string> Tags, IReadOnlyList<EntityLink> Links, string? Type, string? Lifecycle, string? Owner, string? System,
    IReadOnlyList<string> DependsOn, Operations Operations)
{
    /// <summary>The name under which the library keeps it; Backstage's own form of a reference.</summary>
    public string Reference => $"{Kind.ToString().ToLowerInvariant()}:{Name}";

    /// <summary>A reference as people write it, in full: <c>shop-db</c> of a dependency is a component, <c>group:default/team</c> loses its namespace.</summary>
    public static string Normal(string reference, EntityKind standard)
    {
        var text = reference.Trim();
        var kind = text.IndexOf(':') is var colon and > 0 ? text[..colon].ToLowerInvariant() : standard.ToString().ToLowerInvariant();
        var name = text[(text.IndexOf(':') + 1)..];
        return $"{kind}:{name[(name.LastIndexOf('/') + 1)..]}";
    }
}
