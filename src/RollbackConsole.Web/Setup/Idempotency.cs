using System.Security.Cryptography;
using System.Text;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Engine.Library;
using RollbackConsole.Engine.Plans;
using RollbackConsole.Store.Access;
using RollbackConsole.Web.Access;

namespace RollbackConsole.Web.Setup;

/// <summary>The same <c>Idempotency-Key</c> twice: the second call gets the first one's answer and does nothing.</summary>
public static class Idempotency
{
    private const string Header = "Idempotency-Key";

    public static async Task Answer(HttpContext context, RequestDelegate next)
    {
        var key = context.Request.Headers[Header].ToString();
        if (key.Length == 0 || HttpMethods.IsGet(context.Request.Method) || context.User.Identity?.IsAuthenticated != true)
        {
            await next(context);
            return;
        }
        if (key.Length > 200)
        {
            await Problems.Write(context, 400, "An Idempotency-Key has at most 200 characters.", null);
            return;
        }
        var keys = context.RequestServices.GetRequiredService<IdempotencyKeys>();
        var actor = context.User.ToActor().Id;
        var state = await Begin(keys, actor, key, await Digest(context), context.RequestAborted);
        switch (state)
        {
            case KeyState.Answered answered:
                context.Response.StatusCode = answered.Status;
                context.Response.ContentType = answered.Status >= 400 ? "application/problem+json" : "application/json; charset=utf-8";
                context.Response.Headers["Idempotency-Replayed"] = "true";
                await context.Response.WriteAsync(answered.Body, context.RequestAborted);
                break;
            case KeyState.OtherRequest:
                await Problems.Write(context, 409, "This Idempotency-Key was used for another call; use a new one.", null);
                break;
            case KeyState.InProgress:
                await Problems.Write(context, 409, "The first call with this Idempotency-Key is still being worked on; ask again in a moment.", null);
                break;
            default:
                await Capture(context, next, keys, actor, key);
                break;
        }
    }

    /// <summary>The second of two calls at once waits for the first one's answer, for a while.</summary>
    private static async Task<KeyState> Begin(IdempotencyKeys keys, string actor, string key, string request, CancellationToken ct)
    {
        for (var tries = 0; ; tries++)
        {
            var state = await keys.Begin(actor, key, request, ct);
            if (state is not KeyState.InProgress || tries >= 50) return state;
            await Task.Delay(100, ct);
        }
    }

    private static async Task Capture(HttpContext context, RequestDelegate next, IdempotencyKeys keys, string actor, string key)
    {
        var real = context.Response.Body;
        using var body = new MemoryStream();
        // A caller that hangs up must not cut the call off half-way: its repetition has to find the answer.
        context.RequestAborted = CancellationToken.None;
        context.Response.Body = body;
        try
        {
            await next(context);
        }
        catch (Exception e)
        {
            context.Response.Body = real;
            // Refused means that nothing happened. After any other fault something may have: the key stays taken until it is abandoned.
            if (e is RefusedException or InvalidDocumentException or BadHttpRequestException or System.Text.Json.JsonException) await keys.Forget(actor, key, CancellationToken.None);
            throw;
        }
        context.Response.Body = real;
        if (context.Response.StatusCode >= 500) await keys.Forget(actor, key, CancellationToken.None);
        else await keys.Answer(actor, key, context.Response.StatusCode, Encoding.UTF8.GetString(body.ToArray()), CancellationToken.None);
        body.Position = 0;
        await body.CopyToAsync(real, context.RequestAborted);
    }

    private static async Task<string> Digest(HttpContext context)
    {
        context.Request.EnableBuffering();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{context.Request.Method} {context.Request.Path}{context.Request.QueryString}\n"));
        var buffer = new byte[16 * 1024];
        int read;
        while ((read = await context.Request.Body.ReadAsync(buffer, context.RequestAborted)) > 0) hash.AppendData(buffer, 0, read);
        context.Request.Body.Position = 0;
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
