using System.Text.Json;
using Microsoft.AspNetCore.Diagnostics;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Engine.Library;
using RollbackConsole.Engine.Plans;

namespace RollbackConsole.Web.Setup;

/// <summary>Turns refusals and faults into RFC 9457 problem details with errors by field.</summary>
public static class Problems
{
    public static async Task Answer(HttpContext context)
    {
        var fault = context.Features.Get<IExceptionHandlerFeature>()?.Error;
        var (status, detail, errors) = Describe(fault);
        if (context.Request.Path.StartsWithSegments("/sign-in"))
        {
            context.Response.Redirect("/sign-in?error=again");
            return;
        }
        await Write(context, status, detail, errors);
    }

    /// <summary>Answers without a body (401, 403, 404, 405, 429) get one, for the API only; pages have their own.</summary>
    public static Task AnswerStatus(StatusCodeContext status) =>
        ForPrograms(status.HttpContext.Request.Path)
            ? Write(status.HttpContext, status.HttpContext.Response.StatusCode, Sentence(status.HttpContext.Response.StatusCode), null)
            : ForPeople(status.HttpContext);

    private static bool ForPrograms(PathString path) => path.StartsWithSegments("/api") || path.StartsWithSegments("/hooks") || path.StartsWithSegments("/hubs") || path.StartsWithSegments("/openapi");

    private static Task ForPeople(HttpContext context)
    {
        if (context.Request.Path.StartsWithSegments("/sign-in")) context.Response.Redirect("/sign-in?error=again");
        else if (context.Response.StatusCode == 404 && HttpMethods.IsGet(context.Request.Method) && !Path.HasExtension(context.Request.Path)) context.Response.Redirect("/not-found");
        return Task.CompletedTask;
    }

    public static int StatusOf(RefusalKind kind) => kind switch
    {
        RefusalKind.Invalid => 400,
        RefusalKind.Forbidden => 403,
        RefusalKind.NotFound => 404,
        RefusalKind.Conflict => 409,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "Unknown refusal."),
    };

    public static async Task Write(HttpContext context, int status, string detail, IDictionary<string, string[]>? errors)
    {
        context.Response.StatusCode = status;
        var problem = new Dictionary<string, object?>(StringComparer.Ordinal) { ["type"] = $"https://www.rfc-editor.org/rfc/rfc9110#status.{status}", ["title"] = Title(status), ["status"] = status, ["detail"] = detail };
        if (errors is not null) problem["errors"] = errors;
        await context.Response.WriteAsJsonAsync(problem, DomainJson.Options, "application/problem+json", context.RequestAborted);
    }

    private static (int Status, string Detail, IDictionary<string, string[]>? Errors) Describe(Exception? fault) => fault switch
    {
        RefusedException { Refusal: var r } => (StatusOf(r.Kind), r.Reason, r.Field is null ? null : One(r.Field, r.Reason)),
        InvalidDocumentException e => (400, e.Message, e.Errors.GroupBy(x => x.Path.Length == 0 ? "plan" : x.Path, StringComparer.Ordinal)
            .ToDictionary(g => g.Key, g => g.Select(x => $"Line {x.Line}, column {x.Column}: {x.Message}").ToArray(), StringComparer.Ordinal)),
        BadHttpRequestException { InnerException: JsonException j } => (400, JsonSentence(j), One(Field(j), JsonSentence(j))),
        BadHttpRequestException { StatusCode: 413 } => (413, "The body is larger than 1 MB.", null),
        BadHttpRequestException b => (b.StatusCode, b.Message, null),
        Npgsql.PostgresException { SqlState: "22021" } => (400, "The text holds a zero character, which cannot be stored.", null),
        JsonException j => (400, JsonSentence(j), One(Field(j), JsonSentence(j))),
        _ => (500, "The console could not answer. Its log says why; nothing was half-done, the journal shows what was.", null),
    };

    private static string JsonSentence(JsonException j) =>
        $"The body is not the JSON that is expected here{(j.Path is null ? "" : $", at {j.Path}")}{(j.LineNumber is { } l ? $" (line {l + 1}, byte {j.BytePositionInLine + 1})" : "")}.";

    private static string Field(JsonException j) => j.Path is { Length: > 2 } path ? path[2..] : "body";

    private static Dictionary<string, string[]> One(string field, string reason) => new(StringComparer.Ordinal) { [field] = [reason] };

    private static string Title(int status) => Microsoft.AspNetCore.WebUtilities.ReasonPhrases.GetReasonPhrase(status);

    private static string Sentence(int status) => status switch
    {
        401 => "Sign in, or send a token: Authorization: Bearer TOKEN.",
        403 => "You may not do this.",
        404 => "There is nothing here.",
        405 => "This address does not take that method.",
        413 => "The body is larger than 1 MB.",
        415 => "Send JSON (Content-Type: application/json), or text/yaml for a plan.",
        429 => "Too many requests; try again in a moment.",
        _ => Title(status),
    };
}
