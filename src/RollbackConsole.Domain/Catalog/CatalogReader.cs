using System.Globalization;
using System.Text.RegularExpressions;
using RollbackConsole.Domain.Library;

namespace RollbackConsole.Domain.Catalog;

/// <summary>Reads a catalog entry. Backstage's keys are taken where they stand; what only this console knows stands below <c>spec.operations</c>.</summary>
public static partial class CatalogReader
{
    private static readonly string[] SpecKeys =
        ["type", "lifecycle", "owner", "system", "domain", "dependsOn", "dependencyOf", "subcomponentOf", "providesApis", "consumesApis", "profile", "parent", "children", "members", "operations"];
    private static readonly string[] MetadataKeys = ["name", "title", "namespace", "description", "tags", "labels", "annotations", "links"];
    private static readonly string[] OperationKeys =
        ["tenant", "industry", "environments", "health", "metrics", "objectives", "contacts", "matrices", "escalation", "automatic-rollback", "maximum-rollback"];

    public static DocumentReading<CatalogEntity> Read(DocumentNode root)
    {
        var read = new DocumentReader();
        var entity = Read(read, root);
        return read.Errors.Count > 0 || entity is null
            ? new(entity?.Reference, entity?.Title, null, null, [.. read.Errors.OrderBy(e => e.Line).ThenBy(e => e.Column)], read.Warnings)
            : new(entity.Reference, entity.Title, entity, Canonical.Digest(Canonical.ToJson(root)), [], read.Warnings);
    }

    private static CatalogEntity? Read(DocumentReader read, DocumentNode root)
    {
        if (read.Map(root, "", "apiVersion", "kind", "metadata", "spec") is not { } map) return null;
        if (map["apiVersion"] is ScalarNode { Value: not ("backstage.io/v1alpha1" or "backstage.io/v1beta1") } version)
            read.Error(version, "apiVersion", "Write apiVersion: backstage.io/v1alpha1.");
        if (map["apiVersion"] is null) read.Error(map, "apiVersion", "'apiVersion' is missing; write backstage.io/v1alpha1.");
        var kind = read.Text(map, "kind", "", required: true) is { } text ? Enum.TryParse<EntityKind>(text, out var k) && k.ToString() == text ? k : (EntityKind?)null : null;
        if (kind is null && map["kind"] is { } bad) read.Error(bad, "kind", $"The catalog holds {string.Join(", ", Enum.GetNames<EntityKind>())}.");
        if (map["metadata"] is null) read.Error(map, "metadata", "'metadata' is missing.");
        var metadata = read.Map(map["metadata"], "metadata", MetadataKeys);
        var spec = read.Map(map["spec"], "spec", SpecKeys) ?? new MapNode([], root.Line, root.Column);
        if (metadata is null) return null;
        var name = read.Identifier(metadata, "name", "metadata", NameRule(), "letters, digits, '-', '_' or '.', at most 63") ?? "";
        var links = read.List(metadata["links"], "metadata.links").Select((n, i) => read.Map(n, $"metadata.links[{i}]", "url", "title", "icon", "type") is { } link
            ? new EntityLink(read.Text(link, "title", $"metadata.links[{i}]") ?? read.Text(link, "url", $"metadata.links[{i}]") ?? "", Url(read, link, "url", $"metadata.links[{i}]") ?? "") : null).OfType<EntityLink>().ToList();
        return new CatalogEntity(kind ?? EntityKind.Component, name, read.Text(metadata, "title", "metadata", longest: 200) ?? name, read.Text(metadata, "description", "metadata", longest: 4000),
            read.Texts(metadata["tags"], "metadata.tags"), links, read.Text(spec, "type", "spec"), read.Text(spec, "lifecycle", "spec"),
            read.Text(spec, "owner", "spec") is { } owner ? CatalogEntity.Normal(owner, EntityKind.Group) : null,
            read.Text(spec, "system", "spec") is { } system ? CatalogEntity.Normal(system, EntityKind.System) : null,
            [.. read.Texts(spec["dependsOn"], "spec.dependsOn").Select(d => CatalogEntity.Normal(d, EntityKind.Component))], ReadOperations(read, spec["operations"]));
    }

    private static Operations ReadOperations(DocumentReader read, DocumentNode? node)
    {
        const string at = "spec.operations";
        if (read.Map(node, at, OperationKeys) is not { } map) return Operations.None;
        var objectives = read.Map(map["objectives"], at + ".objectives", "recovery", "last-measured", "error-rate", "latency");
        var environments = read.Texts(map["environments"], at + ".environments");
        return new Operations(read.Text(map, "tenant", at, longest: 63), read.Text(map, "industry", at, longest: 63), environments,
            Each(read, map["health"], at + ".health", ["name", "environment", "url"], (m, p) => new HealthCheck(read.Text(m, "name", p, required: true) ?? "", read.Text(m, "environment", p) ?? "production", Url(read, m, "url", p) ?? "")),
            Each(read, map["metrics"], at + ".metrics", ["metric", "environment", "source", "query", "baseline", "every"], (m, p) => new MetricQuery(
                read.Identifier(m, "metric", p, MetricRule(), "a letter followed by letters, digits or '_'") ?? "", read.Text(m, "environment", p) ?? "production", read.Text(m, "source", p) ?? "default",
                read.Text(m, "query", p, required: true, longest: 8000) ?? "", Number(read, m, "baseline", p), Every(read, m, p))),
            objectives is null ? Operations.None.Objectives : new Objectives(read.Duration(objectives, "recovery", at + ".objectives", TimeSpan.FromDays(7)), read.Duration(objectives, "last-measured", at + ".objectives", TimeSpan.FromDays(7)),
                Number(read, objectives, "error-rate", at + ".objectives"), Number(read, objectives, "latency", at + ".objectives")),
            Each(read, map["contacts"], at + ".contacts", ["title", "address"], (m, p) => new Contact(read.Text(m, "title", p, required: true) ?? "", read.Text(m, "address", p, required: true) ?? "")),
            read.Texts(map["matrices"], at + ".matrices"), read.Text(map, "escalation", at), read.Flag(map, "automatic-rollback", at) ?? false, read.Duration(map, "maximum-rollback", at, TimeSpan.FromDays(7)));
    }

    private static List<T> Each<T>(DocumentReader read, DocumentNode? node, string path, string[] keys, Func<MapNode, string, T> one) =>
        [.. read.List(node, path).Take(100).Select((n, i) => (Map: read.Map(n, $"{path}[{i}]", keys), Path: $"{path}[{i}]")).Where(x => x.Map is not null).Select(x => one(x.Map!, x.Path))];

    private static TimeSpan Every(DocumentReader read, MapNode map, string path)
    {
        var every = read.Duration(map, "every", path, TimeSpan.FromHours(1)) ?? TimeSpan.FromSeconds(15);
        if (every < TimeSpan.FromSeconds(1)) read.Error(map["every"]!, path + ".every", "Ask once a second at the most.");
        if (every > TimeSpan.FromMinutes(1)) read.Error(map["every"]!, path + ".every", "Ask once a minute at least: a rule that waits for several readings would never fire.");
        return every;
    }

    private static double? Number(DocumentReader read, MapNode map, string key, string path)
    {
        if (read.Text(map, key, path) is not { } text) return null;
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value) && value >= 0) return value;
        read.Error(map[key]!, $"{path}.{key}", $"'{key}' must be a number from 0 up.");
        return null;
    }

    /// <summary>Only web addresses: a link is pressed by people in a hurry.</summary>
    private static string? Url(DocumentReader read, MapNode map, string key, string path)
    {
        if (read.Text(map, key, path, required: true) is not { } text) return null;
        if (Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https") return text;
        read.Error(map[key]!, $"{path}.{key}", $"'{text}' is no http or https address.");
        return null;
    }

    [GeneratedRegex("^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex NameRule();

    [GeneratedRegex("^[A-Za-z][A-Za-z0-9_]{0,62}$", RegexOptions.None, 1000)]
    private static partial Regex MetricRule();
}
