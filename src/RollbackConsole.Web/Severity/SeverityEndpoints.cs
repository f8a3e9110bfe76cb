using System.Text.Json;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Web.Setup;

namespace RollbackConsole.Web.Severity;

/// <summary>Signals as the API takes them: an unknown one is refused, so that a misspelt rate is never "no error".</summary>
public static class SignalBody
{
    private static readonly JsonSerializerOptions Strict = new(DomainJson.Options) { UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Disallow };

    /// <exception cref="RefusedException">A signal is unknown or of the wrong type.</exception>
    public static Domain.Severity.Signals? Read(JsonElement? body)
    {
        if (body is not { ValueKind: not (JsonValueKind.Null or JsonValueKind.Undefined) } given) return null;
        try
        {
            return given.Deserialize<Domain.Severity.Signals>(Strict);
        }
        catch (JsonException e)
        {
            var known = string.Join(", ", typeof(Domain.Severity.Signals).GetProperties().Select(p => JsonNamingPolicy.CamelCase.ConvertName(p.Name)));
            throw new RefusedException(RefusalKind.Invalid, $"The signals cannot be read{(e.Path is { Length: > 1 } path ? $" at {path}" : "")}. Known are {known}; rates are fractions such as 0.31.", "signals");
        }
    }
}

public static class SeverityEndpoints
{
    public sealed record EvaluateBody(string? Matrix, JsonElement? Signals);

    public static void MapSeverity(this IEndpointRouteBuilder api) =>
        api.MapPost("/severity/evaluate", Evaluate).RequireAuthorization(nameof(Permission.See)).WithSummary("Severity, action and time to decide for a set of signals, with the rules that fired.");

    private static Classification Evaluate(EvaluateBody body)
    {
        if (body.Matrix is { } matrix && matrix != SeverityMatrix.Name)
            throw new RefusedException(RefusalKind.NotFound, $"There is no matrix '{matrix}'; there is {SeverityMatrix.Name}.", "matrix");
        var signals = SignalBody.Read(body.Signals);
        try
        {
            return (signals is null ? null : SeverityMatrix.Evaluate(signals))
                ?? throw new RefusedException(RefusalKind.Invalid, "Give at least one signal.", "signals");
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw new RefusedException(RefusalKind.Invalid, e.Message, "signals." + JsonNamingPolicy.CamelCase.ConvertName(e.ParamName ?? ""));
        }
    }
}
