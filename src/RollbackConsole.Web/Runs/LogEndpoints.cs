using System.Globalization;
using System.Security.Claims;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Engine.Runs;
using RollbackConsole.Store.Runs;
using RollbackConsole.Web.Access;
using RollbackConsole.Web.Setup;

namespace RollbackConsole.Web.Runs;

public static class LogEndpoints
{
    /// <summary>Lines in one answer at the most: the pane scrolls in chunks, programs page.</summary>
    private const int MostLines = 2000;

    /// <summary>Matches in one answer at the most; more than that is no search but the whole log.</summary>
    private const int MostFound = 50_000;

    public static void MapLogs(this IEndpointRouteBuilder api)
    {
        var logs = api.MapGroup("/runs/{id}/logs").RequireAuthorization(nameof(Permission.See));
        logs.MapGet("", Lines);
        logs.MapGet("/find", Find).WithSummary("The numbers of the lines that contain a text or belong to a step.");
        logs.MapGet("/raw", Raw);
    }

    private static async Task<object> Lines(string id, ClaimsPrincipal user, RunDoor runs, LogLines log, CancellationToken ct,
        long after = 0, int? limit = null, string? step = null, int? tail = null)
    {
        await runs.Get(user.ToActor(), id, ct);
        if (after < 0) throw new RefusedException(RefusalKind.Invalid, "after must not be negative.", "after");
        var lines = tail is { } count
            ? await log.Tail(id, Paging.Limit(count, MostLines), step, ct)
            : await log.After(id, after, Paging.Limit(limit ?? 500, MostLines), step, ct);
        return new { Lines = lines, Next = lines.Count > 0 ? lines[^1].Seq : after, Last = await log.Last(id, ct) };
    }

    private static async Task<object> Find(string id, ClaimsPrincipal user, RunDoor runs, LogLines log, CancellationToken ct, string? text = null, string? step = null, long after = 0)
    {
        await runs.Get(user.ToActor(), id, ct);
        if (text is { Length: > 200 }) throw new RefusedException(RefusalKind.Invalid, "A search has at most 200 characters.", "text");
        var found = await log.Find(id, string.IsNullOrEmpty(text) ? null : text, string.IsNullOrEmpty(step) ? null : step, after, MostFound, ct);
        return new { Seqs = found, More = found.Count == MostFound };
    }

    private static async Task Raw(string id, HttpContext context, RunDoor runs, LogLines log, CancellationToken ct)
    {
        var run = await runs.Get(context.User.ToActor(), id, ct);
        context.Response.ContentType = "text/plain; charset=utf-8";
        context.Response.Headers.ContentDisposition = $"attachment; filename=\"{run.Plan.Name}-{run.Id}.log\"";
        await using var writer = new StreamWriter(context.Response.Body, new System.Text.UTF8Encoding(false), 64 * 1024);
        for (long after = 0; ;)
        {
            var lines = await log.After(id, after, MostLines, null, ct);
            foreach (var line in lines)
                await writer.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{line.At.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss.fff'Z'} {line.Step}/{line.Attempt} {line.Stream,-7} {line.Text}"));
            if (lines.Count < MostLines) break;
            after = lines[^1].Seq;
        }
    }
}
