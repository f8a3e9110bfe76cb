using System.Security.Claims;
using Npgsql;
using RollbackConsole.Domain.Access;
using RollbackConsole.Engine.Journal;
using RollbackConsole.Store.Journal;
using RollbackConsole.Web.Access;
using RollbackConsole.Web.Setup;

namespace RollbackConsole.Web.Journal;

public static class AuditEndpoints
{
    public static void MapAudit(this IEndpointRouteBuilder api)
    {
        var audit = api.MapGroup("/audit").RequireAuthorization(nameof(Permission.Administer));
        audit.MapGet("", List);
        audit.MapGet("/verify", async (EventJournal journal, CancellationToken ct) => await ChainVerifier.Verify(journal, ct));
    }

    /// <summary>Liveness and readiness, for whoever watches the console itself.</summary>
    public static void MapHealth(this IEndpointRouteBuilder app)
    {
        app.MapGet("/health/live", () => new { Status = "live" }).ExcludeFromDescription();
        app.MapGet("/health/ready", async (NpgsqlDataSource source, CancellationToken ct) =>
        {
            try
            {
                await using var command = source.CreateCommand("select coalesce(max(position), 0) from journal");
                return Results.Json(new { Status = "ready", Journal = await command.ExecuteScalarAsync(ct) });
            }
            catch (NpgsqlException e)
            {
                return Results.Json(new { Status = "unready", Because = "PostgreSQL does not answer: " + e.Message }, statusCode: 503);
            }
        }).ExcludeFromDescription();
    }

    private static async Task<Page<object>> List(ClaimsPrincipal user, EventJournal journal, CancellationToken ct, long after = 0, int? limit = null)
    {
        user.ToActor().Require(Permission.Administer);
        var take = Paging.Limit(limit);
        var entries = await journal.Read(after, take, ct: ct);
        return new([.. entries.Select(e => (Entry: e, Row: Timeline.Row(e))).Select(x => (object)new
        {
            x.Entry.Position, x.Entry.Stream, x.Entry.Version, x.Entry.At, x.Row.Actor, x.Entry.Kind, x.Row.Summary, x.Row.Data, x.Entry.Hash,
        })], entries.Count == take ? $"{entries[^1].Position}" : null);
    }
}
