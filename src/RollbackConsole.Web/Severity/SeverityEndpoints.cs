using System.Text.Json;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Engine.Severity;

namespace RollbackConsole.Web.Severity;

/// <summary>Signals as the API takes them: one flat object of numbers and flags. Which names there are, the matrices say.</summary>
public static class SignalBody
{
    /// <exception cref="RefusedException">It is no object of numbers and flags.</exception>
    public static SignalSet? Read(JsonElement? body)
    {
        if (body is not { ValueKind: not (JsonValueKind.Null or JsonValueKind.Undefined) } given) return null;
        try
        {
            return given.Deserialize<SignalSet>(DomainJson.Options);
        }
        catch (JsonException e)
        {
            throw new RefusedException(RefusalKind.Invalid, $"The signals cannot be read: {e.Message} Rates are fractions such as 0.31.", "signals");
        }
    }
}

public static class SeverityEndpoints
{
    /// <param name="Service">Whose rule sets speak; the platform's when none is named.</param>
    public sealed record EvaluateBody(string? Matrix, string? Service, JsonElement? Signals);

    public static void MapSeverity(this IEndpointRouteBuilder api)
    {
        api.MapPost("/severity/evaluate", (EvaluateBody body, SeverityDesk desk, CancellationToken ct) => desk.Evaluate(SignalBody.Read(body.Signals), body.Matrix, body.Service, ct))
            .RequireAuthorization(nameof(Permission.See)).WithSummary("Severity, action and time to decide for a set of signals, with the rules that fired.");
        api.MapGet("/matrices", async (SeverityDesk desk, CancellationToken ct, string? after = null, int? limit = null) => Setup.Paging.Of(await desk.Matrices(ct), m => m.Name, after, limit)).RequireAuthorization(nameof(Permission.See));
        api.MapGet("/matrices/{name}", async (string name, SeverityDesk desk, CancellationToken ct) =>
        {
            var matrix = (await desk.Matrices(ct)).FirstOrDefault(m => m.Name == name) ?? throw new RefusedException(RefusalKind.NotFound, $"There is no matrix '{name}'.");
            return new { Matrix = matrix, Findings = Bands.Findings(matrix) };
        }).RequireAuthorization(nameof(Permission.See));
    }
}
