using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using RollbackConsole.Domain.Catalog;
using RollbackConsole.Domain.Signals;
using RollbackConsole.Engine.Catalog;
using RollbackConsole.Store.Signals;

namespace RollbackConsole.Engine.Signals;

/// <summary>Where Prometheus servers are.</summary>
public sealed class PrometheusOptions
{
    /// <summary>Addresses by name; catalog entries name them as <c>source</c>.</summary>
    public Dictionary<string, string> Sources { get; set; } = new(StringComparer.OrdinalIgnoreCase);
}

/// <summary>Asks Prometheus the catalog's queries and hands the answers on as readings, so that the same rules judge them. One node of the cluster asks.</summary>
public sealed class PrometheusQueries(
    CatalogDesk catalog, SignalIntake intake, QueryStates states, NpgsqlDataSource source, IOptions<PrometheusOptions> options, TimeProvider time, ILogger<PrometheusQueries> log) : BackgroundService
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    /// <summary>A server that needs longer is of no use in an incident.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Bytes; the answer to a query that gives one number is a few hundred.</summary>
    private const int LargestAnswer = 256 * 1024;

    private readonly HttpClient _http = new() { Timeout = Patience, MaxResponseContentBufferSize = LargestAnswer };
    private readonly Dictionary<(string, string, string, string), DateTimeOffset> _next = [];

    public override void Dispose()
    {
        _http.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                try
                {
                    await AskWhileMine(stoppingToken);
                }
                catch (Exception e) when (!stoppingToken.IsCancellationRequested)
                {
                    log.LogError(e, "The queries to Prometheus broke off; they go on in a moment");
                }
                await Task.Delay(LookEvery, time, stoppingToken);
            }
        }
        catch (OperationCanceledException)
        {
            // The node stops.
        }
    }

    /// <summary>Asks for as long as this node holds the turn; it goes with the connection when the node dies.</summary>
    private async Task AskWhileMine(CancellationToken ct)
    {
        if (options.Value.Sources.Count == 0) return;
        await using var connection = await source.OpenConnectionAsync(ct);
        await using var mine = new NpgsqlCommand("select pg_try_advisory_lock(720202)", connection);
        if (!(bool)(await mine.ExecuteScalarAsync(ct))!) return;
        await using var still = new NpgsqlCommand("select 1", connection);
        while (true)
        {
            await still.ExecuteScalarAsync(ct);
            var due = (await catalog.All(ct)).SelectMany(e => e.Operations.Metrics.Select(q => (Entity: e, Query: q))).Where(x => Due(x.Entity, x.Query)).ToList();
            await Task.WhenAll(due.Select(x => Ask(x.Entity, x.Query, ct)));
            await Task.Delay(LookEvery, time, ct);
        }
    }

    private bool Due(CatalogEntity entity, MetricQuery query)
    {
        var key = (entity.Name, query.Environment, query.Metric, query.Query);
        var now = time.GetUtcNow();
        if (_next.TryGetValue(key, out var next) && next > now) return false;
        _next[key] = now + query.Every;
        return true;
    }

    private async Task Ask(CatalogEntity entity, MetricQuery query, CancellationToken ct)
    {
        var (value, error) = await Answer(query, ct);
        var now = time.GetUtcNow();
        await states.Set(new QueryState(entity.Reference, query.Metric, query.Environment, now, value, error), ct);
        if (value is not { } reading) return;
        try
        {
            await intake.Take(new MetricPoint(entity.Name, query.Environment, query.Metric, reading, query.Baseline, now), ct);
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            // One query's trouble is told where the query stands; the others go on.
            await states.Set(new QueryState(entity.Reference, query.Metric, query.Environment, now, value, e.Message), ct);
        }
    }

    /// <summary>One number, or why there is none. A share of no requests is not a number and not a fault: it is "no data".</summary>
    private async Task<(double? Value, string? Error)> Answer(MetricQuery query, CancellationToken ct)
    {
        if (!options.Value.Sources.TryGetValue(query.Source, out var address)) return (null, $"There is no source '{query.Source}'; set Prometheus:Sources:{query.Source}.");
        try
        {
            using var body = new FormUrlEncodedContent([new("query", query.Query)]);
            using var answer = await _http.PostAsync(new Uri(new Uri(address.TrimEnd('/') + "/"), "api/v1/query"), body, ct);
            var json = await answer.Content.ReadFromJsonAsync<JsonElement>(ct);
            if (json.GetProperty("status").GetString() != "success") return (null, "Prometheus refused the query: " + Short(json.TryGetProperty("error", out var e) ? e.GetString() : null));
            return Number(json.GetProperty("data"));
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            return (null, $"Prometheus ('{query.Source}') does not answer as it should: {Short(e.Message)}");
        }
    }

    private static (double? Value, string? Error) Number(JsonElement data)
    {
        var result = data.GetProperty("result");
        var pair = data.GetProperty("resultType").GetString() switch
        {
            "scalar" => result,
            "vector" when result.GetArrayLength() == 1 => result[0].GetProperty("value"),
            "vector" when result.GetArrayLength() == 0 => default,
            "vector" => throw new FormatException($"the query gives {result.GetArrayLength()} series; aggregate it to one, with sum() or max()"),
            var other => throw new FormatException($"the query gives a {other}; ask for one number"),
        };
        if (pair.ValueKind == JsonValueKind.Undefined) return (null, "No data.");
        var text = pair[1].GetString();
        if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) || !double.IsFinite(value)) return (null, text == "NaN" ? "No data (0 of 0)." : $"The answer is {Short(text)}, which is no finite number.");
        return (value, null);
    }

    private static string Short(string? text) => text is null ? "no reason given" : text.Length <= 300 ? text : text[..300] + "…";
}
