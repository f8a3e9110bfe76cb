using System.Security.Claims;
using Npgsql;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Engine.Journal;
using RollbackConsole.Store.Journal;
using RollbackConsole.Web.Access;
using RollbackConsole.Web.Cli;
using RollbackConsole.Web.Setup;

namespace RollbackConsole.Web.Journal;

public static class AuditEndpoints
{
    public static void MapAudit(this IEndpointRouteBuilder api)
    {
        var audit = api.MapGroup("/audit").RequireAuthorization(nameof(Permission.Administer));
        audit.MapGet("", List);
        audit.MapGet("/verify", async (CheckpointWriter checkpoints, CancellationToken ct) => await checkpoints.Verify(ct));
        audit.MapGet("/export", (EventJournal journal, CancellationToken ct) => Results.Stream(async stream => await AuditFile.Export(journal, stream, ct), "application/jsonl", "journal.jsonl"));
        audit.MapGet("/search", Search);
    }

    /// <summary>Liveness and readiness, for whoever watches the console itself.</summary>
    public static void MapHealth(this IEndpointRouteBuilder app)
    {
        app.MapGet("/health/live", () => new { Status = "live" }).ExcludeFromDescription();
        app.MapGet("/health/ready", async (NpgsqlDataSource source, ILogger<CheckpointWriter> log, CancellationToken ct) =>
        {
            try
            {
                await using var command = source.CreateCommand("select coalesce(max(position), 0) from journal");
                return Results.Json(new { Status = "ready", Journal = await command.ExecuteScalarAsync(ct) });
            }
            catch (NpgsqlException e)
            {
                // Anybody may ask: names and addresses of the database are for the log.
                log.LogWarning("Not ready: PostgreSQL does not answer: {Reason}", e.Message);
                return Results.Json(new { Status = "unready", Because = "PostgreSQL does not answer." }, statusCode: 503);
            }
        }).ExcludeFromDescription();
    }

    private static async Task<Page<object>> Search(EventJournal journal, CancellationToken ct, string? q = null, string? kind = null, DateTimeOffset? from = null, DateTimeOffset? to = null, long? after = null, int? limit = null)
    {
        if (q?.Length > 200) throw new RefusedException(RefusalKind.Invalid, "A search has at most 200 characters.", "q");
        var take = Paging.Limit(limit);
        var entries = await journal.Search(new JournalSearch(after, q, kind, from, to, take), ct);
        return new([.. entries.Select(Answer)], entries.Count == take ? $"{entries[^1].Position}" : null);
    }

    private static object Answer(JournalEntry e)
    {
        var row = Timeline.Row(e);
        return new { e.Position, e.Stream, e.Version, e.At, row.Actor, e.Kind, row.Summary, row.Data, e.Hash };
    }

    private static async Task<Page<object>> List(ClaimsPrincipal user, EventJournal journal, CancellationToken ct, long after = 0, int? limit = null)
    {
        user.ToActor().Require(Permission.Administer);
        var take = Paging.Limit(limit);
        var entries = await journal.Read(after, take, ct: ct);
        return new([.. entries.Select(Answer)], entries.Count == take ? $"{entries[^1].Position}" : null);
    }
}
