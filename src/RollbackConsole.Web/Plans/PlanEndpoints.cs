using System.Security.Claims;
using System.Text.Json;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Engine.Plans;
using RollbackConsole.Store.Plans;
using RollbackConsole.Web.Access;
using RollbackConsole.Web.Setup;

namespace RollbackConsole.Web.Plans;

public static class PlanEndpoints
{
    public sealed record PreviewBody(Dictionary<string, JsonElement>? Parameters, string? Service, string? Environment, int? Version);

    public static void MapPlans(this IEndpointRouteBuilder api)
    {
        var plans = api.MapGroup("/plans").RequireAuthorization(nameof(Permission.See));
        plans.MapPut("/{name}", Put);
        plans.MapPost("/validate", Validate);
        plans.MapGet("", List);
        plans.MapGet("/{name}", (string name, PlanRows rows, CancellationToken ct) => One(name, null, rows, ct));
        plans.MapGet("/{name}/versions/{version:int}", (string name, int version, PlanRows rows, CancellationToken ct) => One(name, version, rows, ct));
        plans.MapPost("/{name}/preview", Preview);
    }

    /// <summary>Parameter values as text: JSON numbers and flags are taken by their meaning.</summary>
    public static IReadOnlyDictionary<string, string> Texts(Dictionary<string, JsonElement>? given) =>
        (given ?? []).ToDictionary(p => p.Key, p => p.Value.ValueKind switch
        {
            JsonValueKind.String => p.Value.GetString()!,
            JsonValueKind.Number => p.Value.GetRawText(),
            JsonValueKind.True => "true",
            JsonValueKind.False => "false",
            _ => throw new RefusedException(RefusalKind.Invalid, $"The parameter '{p.Key}' must be a text, a number or true/false.", "parameters." + p.Key),
        }, StringComparer.Ordinal);

    private static async Task<Page<PlanRow>> List(PlanRows rows, CancellationToken ct, string? service = null, string? after = null, int? limit = null)
    {
        var take = Paging.Limit(limit);
        var found = await rows.Newest(service, after, take, ct);
        return new(found, found.Count == take ? found[^1].Name : null);
    }

    private static async Task<object> Put(string name, HttpContext context, PlanLibrary library, CancellationToken ct)
    {
        var version = await library.Put(context.User.ToActor(), name, await YamlBody.Read(context, ct), ct);
        return new { version.Name, version.Version, version.Digest };
    }

    private static async Task<object> Validate(HttpContext context, PlanLibrary library, CancellationToken ct)
    {
        context.User.ToActor().Require(Permission.See);
        var reading = library.Read(await YamlBody.Read(context, ct));
        return new { reading.Valid, reading.Digest, reading.Errors, reading.Warnings };
    }

    private static async Task<object> One(string name, int? version, PlanRows rows, CancellationToken ct)
    {
        var found = await rows.Find(name, version, ct)
            ?? throw new RefusedException(RefusalKind.NotFound, version is null ? $"There is no plan '{name}'." : $"The plan '{name}' has no version {version}.");
        return new { found.Version.Name, found.Version.Version, found.Version.Digest, found.Version.Plan, found.Source, Versions = (await rows.Versions(name, ct)).Select(v => new { v.Version, v.Digest, v.AddedBy, v.AddedAt }) };
    }

    private static async Task<object> Preview(string name, PreviewBody body, ClaimsPrincipal user, PlanLibrary library, PlanPreview previews, CancellationToken ct)
    {
        user.ToActor().Require(Permission.See);
        var version = await library.Get(name, body.Version, ct);
        var steps = await previews.Of(version.Plan, Texts(body.Parameters), body.Service ?? version.Plan.Service ?? "", body.Environment ?? "production", Incident.None, "preview", "preview", ct);
        return new { version.Name, version.Version, version.Digest, Steps = steps };
    }
}
