using System.Security.Claims;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Library;
using RollbackConsole.Engine.Catalog;
using RollbackConsole.Engine.Library;
using RollbackConsole.Store.Library;
using RollbackConsole.Web.Access;
using RollbackConsole.Web.Setup;

namespace RollbackConsole.Web.Library;

/// <summary>Catalog entries, matrices and escalations as documents; plans have endpoints of their own.</summary>
public static class LibraryEndpoints
{
    public static void MapLibrary(this IEndpointRouteBuilder api)
    {
        api.MapGet("/catalog", async (CatalogDesk catalog, CancellationToken ct, string? after = null, int? limit = null) => Paging.Of(await catalog.All(ct), e => e.Reference, after, limit)).RequireAuthorization(nameof(Permission.See));
        var library = api.MapGroup("/library/{kind}").RequireAuthorization(nameof(Permission.See));
        library.MapGet("", async (string kind, LibraryRows rows, CancellationToken ct, string? after = null, int? limit = null) =>
            Paging.Of((await rows.Newest(Kind(kind), ct)).Select(r => new { r.Name, r.Version, r.Digest, r.Title, r.AddedBy, r.AddedAt }), r => r.Name, after, limit));
        library.MapGet("/{name}", One);
        library.MapPut("/{name}", async (string kind, string name, HttpContext context, DocumentLibrary desk, CancellationToken ct) =>
            await desk.Put(context.User.ToActor(), Kind(kind), name, await YamlBody.Read(context, ct), Arrival.Put, ct, context.Request.Headers.IfMatch.ToString() is { Length: > 1 } match ? match.Trim('"') : null));
        library.MapPost("/validate", async (string kind, HttpContext context, DocumentLibrary desk, CancellationToken ct) =>
        {
            context.User.ToActor().Require(Permission.See);
            var reading = desk.Read(Kind(kind), await YamlBody.Read(context, ct));
            return new { reading.Valid, reading.Digest, reading.Errors, reading.Warnings };
        });
    }

    public static LibraryKind Kind(string kind) => Enum.GetValues<LibraryKind>().Where(k => k.ToString().Equals(kind, StringComparison.OrdinalIgnoreCase)).Select(k => (LibraryKind?)k).FirstOrDefault()
        ?? throw new RefusedException(RefusalKind.NotFound, $"The library has no '{kind}'; it has {string.Join(", ", Enum.GetNames<LibraryKind>()).ToLowerInvariant()}.");

    private static async Task<object> One(string kind, string name, ClaimsPrincipal user, LibraryRows rows, CancellationToken ct, int? version = null)
    {
        user.ToActor().Require(Permission.See);
        var versions = await rows.Versions(Kind(kind), name, ct);
        var found = versions.Find(v => version is null || v.Version == version) ?? throw new RefusedException(RefusalKind.NotFound, $"The library has no such version of '{name}'.");
        return new { found.Name, found.Version, found.Digest, found.Title, found.Source, Versions = versions.Select(v => new { v.Version, v.Digest, v.AddedBy, v.AddedAt }) };
    }
}
