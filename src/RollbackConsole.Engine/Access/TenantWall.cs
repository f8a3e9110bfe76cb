using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Catalog;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Engine.Catalog;

namespace RollbackConsole.Engine.Access;

/// <summary>Keeps people of one tenant out of another's incidents. Whoever is in a group <c>tenant:NAME</c> sees the services of those tenants only, as the catalog says whose
/// they are; whoever is in none belongs to the house and sees everything.</summary>
public sealed class TenantWall(CatalogDesk catalog)
{
    public async Task<bool> MaySee(Actor actor, string service, CancellationToken ct = default)
    {
        if (!IsLimited(actor)) return true;
        // A service that the catalog does not know is nobody's, and so not theirs.
        return (await catalog.Service(service, ct))?.Operations.Tenant is { } tenant
            && actor.Groups.Contains(CatalogEntity.Normal(tenant, EntityKind.Tenant), StringComparer.Ordinal);
    }

    /// <exception cref="RefusedException">It is another tenant's: not there, as far as this person is concerned (404).</exception>
    public async Task Require(Actor actor, string service, string what, CancellationToken ct = default)
    {
        if (!await MaySee(actor, service, ct)) throw new RefusedException(RefusalKind.NotFound, $"There is no such {what}.");
    }

    /// <summary>The rows that this person may see.</summary>
    public async Task<List<T>> Visible<T>(Actor actor, IReadOnlyList<T> rows, Func<T, string> service, CancellationToken ct = default)
    {
        if (!IsLimited(actor)) return [.. rows];
        var visible = new List<T>();
        foreach (var row in rows)
            if (await MaySee(actor, service(row), ct)) visible.Add(row);
        return visible;
    }

    private static bool IsLimited(Actor actor) => actor.Groups.Any(TenantGroups.Limits);
}
