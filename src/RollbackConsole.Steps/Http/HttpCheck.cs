using System.Text.Json.Nodes;
using RollbackConsole.Domain.Library;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;

namespace RollbackConsole.Steps.Http;

/// <summary><c>http/check</c>: asks an address until it answers as expected, or the time is up.</summary>
public sealed class HttpCheck(IHttpClientFactory clients, TimeProvider time) : IStepKind
{
    /// <summary>The name of the client, configured at the composition root.</summary>
    public const string Client = "steps-http-check";

    /// <summary>Bytes of an answer that are read; a health answer is small.</summary>
    private const int MostBody = 1024 * 1024;

    private static readonly TimeSpan OneRequest = TimeSpan.FromSeconds(10);

    public StepKindSchema Schema { get; } = new("http/check", "Check an address", Effect.Idempotent, Destructive: false,
    [
        new("url", InputType.Text, true, "an absolute http or https address"),
        new("method", InputType.Text, false, "GET when left out"),
        new("headers", InputType.TextMap, false, "request headers; a value may be {secret: NAME}"),
        new("body", InputType.Text, false, "what to send"),
        new("status", InputType.Number, false, "the expected status; 200 when left out"),
        new("contains", InputType.Text, false, "a text that the answer must contain"),
        new("json", InputType.Expectations, false, "a list of {path: $.a.b, equals: value}"),
        new("until", InputType.Duration, false, "ask again until it holds, for this long; asked once when left out"),
        new("every", InputType.Duration, false, "the pause between two requests; 1s when left out"),
        new("times", InputType.Number, false, "how many good answers in a row are wanted; 1 when left out"),
    ], ChecksService: true);

    public Task<IReadOnlyList<string>> Preview(StepCall call, CancellationToken ct)
    {
        var with = call.With;
        IReadOnlyList<string> lines =
        [
            $"Asks {with.TextOrNull("method") ?? "GET"} {with.Text("url")}" + (with.Duration("until") is { } u ? $" for up to {Duration.Format(u)}" : ""),
            $"and expects status {with.Number("status") ?? 200}",
            .. with.TextOrNull("contains") is { } c ? [$"and the text '{c}'"] : Array.Empty<string>(),
            .. Expectations(call).Select(e => $"and {e.Path} = {e.Value}"),
            .. with.Number("times") is { } n ? [$"{n} times in a row"] : Array.Empty<string>(),
        ];
        return Task.FromResult(lines);
    }

    public async Task<StepResult> Run(StepCall call, CancellationToken ct)
    {
        var started = time.GetTimestamp();
        var patience = call.With.Duration("until") ?? TimeSpan.Zero;
        var every = call.With.Duration("every") ?? TimeSpan.FromSeconds(1);
        var wanted = call.With.Number("times") ?? 1;
        var good = 0;
        string? last = null;
        for (var asked = 1; ; asked++)
        {
            var complaint = await Ask(call, ct);
            if (complaint != last || complaint is null) await call.Log.Write(complaint is null ? "out" : "err", complaint ?? $"As expected ({good + 1} of {wanted}).");
            last = complaint;
            good = complaint is null ? good + 1 : 0;
            if (good >= wanted) return StepResult.Succeeded($"As expected after {Duration.Format(Elapsed(started))} and {asked} requests.");
            if (time.GetElapsedTime(started) + every > patience && complaint is not null)
                return StepResult.Failed($"{complaint} (asked {asked} times in {Duration.Format(Elapsed(started))})");
            await Task.Delay(every, time, ct);
        }
    }

    /// <summary>Null when the answer is as expected, otherwise what was wrong with it.</summary>
    private async Task<string?> Ask(StepCall call, CancellationToken ct)
    {
        var with = call.With;
        if (!Uri.TryCreate(with.Text("url"), UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https"))
            throw new StepInputException($"'{with.Text("url")}' is no absolute http or https address.");
        using var request = new HttpRequestMessage(new HttpMethod(with.TextOrNull("method") ?? "GET"), url);
        if (with.TextOrNull("body") is { } body) request.Content = new StringContent(body);
        foreach (var (name, value) in with.Map("headers"))
            if (!request.Headers.TryAddWithoutValidation(name, value)) throw new StepInputException($"'{name}' is no request header.");
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(OneRequest);
        try
        {
            using var client = clients.CreateClient(Client);
            using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
            var expected = with.Number("status") ?? 200;
            if ((int)response.StatusCode != expected) return $"{url} answers {(int)response.StatusCode}, not {expected}.";
            var text = await ReadBody(response, limit.Token);
            if (with.TextOrNull("contains") is { } wanted && !text.Contains(wanted, StringComparison.Ordinal)) return $"{url} answers without '{wanted}'.";
            return Expectations(call).Select(e => JsonComplaint(text, e.Path, e.Value)).FirstOrDefault(c => c is not null);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return $"{url}: {e.Message}";
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return $"{url} did not answer within {Duration.Format(OneRequest)}.";
        }
    }

    private static async Task<string> ReadBody(HttpResponseMessage response, CancellationToken ct)
    {
        await using var stream = await response.Content.ReadAsStreamAsync(ct);
        var buffer = new byte[MostBody];
        var length = await stream.ReadAtLeastAsync(buffer, MostBody, throwOnEndOfStream: false, ct);
        return System.Text.Encoding.UTF8.GetString(buffer, 0, length);
    }

    private static string? JsonComplaint(string text, string path, string expected)
    {
        JsonNode? node;
        try
        {
            node = JsonNode.Parse(text);
        }
        catch (System.Text.Json.JsonException)
        {
            return "The answer is not JSON.";
        }
        var found = JsonPath.Find(node, path);
        return found == expected ? null : $"{path} is {found ?? "not there"}, not {expected}.";
    }

    private static IEnumerable<(string Path, string Value)> Expectations(StepCall call) =>
        call.With.Nodes("json").Select(n => (n["path"]?.ToString() ?? "", n["equals"]?.ToString() ?? ""));

    /// <summary>As people read it: whole seconds, or milliseconds below one.</summary>
    private TimeSpan Elapsed(long started)
    {
        var elapsed = time.GetElapsedTime(started);
        return elapsed.TotalSeconds >= 1 ? TimeSpan.FromSeconds(Math.Round(elapsed.TotalSeconds)) : TimeSpan.FromMilliseconds(Math.Ceiling(elapsed.TotalMilliseconds));
    }
}
