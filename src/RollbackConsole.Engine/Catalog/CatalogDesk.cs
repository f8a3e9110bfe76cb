using RollbackConsole.Domain.Catalog;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Library;
using RollbackConsole.Engine.Library;

namespace RollbackConsole.Engine.Catalog;

/// <summary>What the catalog says about services and those around them.</summary>
public sealed class CatalogDesk(DocumentLibrary library)
{
    public Task<IReadOnlyList<CatalogEntity>> All(CancellationToken ct = default) => library.All<CatalogEntity>(LibraryKind.Catalog, ct);

    public async Task<CatalogEntity?> Find(string reference, CancellationToken ct = default) => (await All(ct)).FirstOrDefault(e => e.Reference == reference);

    /// <summary>The component or resource of that name: both can break.</summary>
    public async Task<CatalogEntity?> Service(string name, CancellationToken ct = default) => (await All(ct)).FirstOrDefault(e => e.Name == name && e.Kind is (EntityKind.Component or EntityKind.Resource));

    /// <summary>What is odd about a service and an environment, for people to read; null when the catalog knows both.</summary>
    public async Task<string?> Warning(string service, string environment, CancellationToken ct = default)
    {
        if (await Service(service, ct) is not { } entity) return $"The catalog does not know the service '{service}'.";
        return entity.Operations.Environments.Count > 0 && !entity.Operations.Environments.Contains(environment, StringComparer.Ordinal)
            ? $"The catalog does not know an environment '{environment}' of {service}; it knows {string.Join(", ", entity.Operations.Environments)}." : null;
    }

    /// <summary>The longest rollback that is allowed for a service, and who says so: its own limit or its tenant's, whichever is shorter.</summary>
    public async Task<(TimeSpan Limit, string By)?> Limit(string service, CancellationToken ct = default)
    {
        if (await Service(service, ct) is not { } entity) return null;
        var tenant = entity.Operations.Tenant is { } name ? await Find(CatalogEntity.Normal(name, EntityKind.Tenant), ct) : null;
        return ((TimeSpan Limit, string By)[])[
            .. entity.Operations.MaximumRollback is { } own ? [(own, entity.Title)] : Array.Empty<(TimeSpan, string)>(),
            .. tenant?.Operations.MaximumRollback is { } theirs ? [(theirs, tenant.Title)] : Array.Empty<(TimeSpan, string)>()] is { Length: > 0 } limits ? limits.MinBy(l => l.Limit) : null;
    }

    /// <summary>The escalation of a service; the standard one when it names none that is there.</summary>
    public async Task<Escalation?> Escalation(string service, CancellationToken ct = default)
    {
        var all = await library.All<Escalation>(LibraryKind.Escalations, ct);
        var named = (await Service(service, ct))?.Operations.Escalation;
        return all.FirstOrDefault(e => e.Name == named) ?? all.FirstOrDefault(e => e.Name == Domain.Incidents.Escalation.Standard);
    }

    /// <summary>References of an entry that lead nowhere.</summary>
    public async Task<IReadOnlyList<string>> Dangling(CatalogEntity entity, CancellationToken ct = default)
    {
        var all = await All(ct);
        var matrices = (await library.All<Domain.Severity.Matrix>(LibraryKind.Matrices, ct)).Select(m => m.Name).ToHashSet(StringComparer.Ordinal);
        var escalations = (await library.All<Escalation>(LibraryKind.Escalations, ct)).Select(e => e.Name).ToHashSet(StringComparer.Ordinal);
        var known = all.Select(e => e.Reference).ToHashSet(StringComparer.Ordinal);
        return [
            .. new[] { entity.Owner, entity.System, entity.Operations.Tenant is { } t ? CatalogEntity.Normal(t, EntityKind.Tenant) : null }
            .Concat(entity.DependsOn).OfType<string>().Where(r => !known.Contains(r)),
            .. entity.Operations.Matrices.Where(m => !matrices.Contains(m)).Select(m => "matrix:" + m), .. entity.Operations.Escalation is { } e && !escalations.Contains(e) ? ["escalation:" + e] : Array.Empty<string>()];
    }
}
