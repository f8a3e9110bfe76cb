using Microsoft.Extensions.Logging;
using Npgsql;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Signals;
using RollbackConsole.Engine.Incidents;
using RollbackConsole.Store.Incidents;
using RollbackConsole.Store.Signals;

namespace RollbackConsole.Engine.Signals;

/// <summary>Takes readings from monitoring; sustained bad ones open an incident, once for each service and environment.</summary>
public sealed class SignalIntake(MetricPoints points, IncidentRows incidents, IncidentDesk desk, NpgsqlDataSource source, TimeProvider time, ILogger<SignalIntake> log)
{
    /// <summary>A sender's clock may be off by this much; beyond it the reading would land in the wrong place of the chart.</summary>
    private static readonly TimeSpan Skew = TimeSpan.FromMinutes(5);

    /// <summary>One of this node at a time waits for the database's turn: waiters that each held a connection would leave none for the one who has it.</summary>
    private readonly SemaphoreSlim _turn = new(1);

    /// <exception cref="RefusedException">A name is missing or too long, the value is no finite number, or the time is in the future.</exception>
    public async Task<string?> Take(Actor actor, MetricPoint point, CancellationToken ct)
    {
        actor.Require(Permission.SendSignals);
        Check(point);
        await points.Add(point, ct);
        if (SignalTrigger.AsSignals(point) is null) return null;
        var newest = await points.Newest(point.Service, point.Environment, point.Metric, SignalTrigger.Sustained, ct);
        if (SignalTrigger.Evaluate(newest, time.GetUtcNow()) is not { } sustained) return null;
        return await Open(point, sustained.Classification, sustained.Signals, ct);
    }

    private async Task<string?> Open(MetricPoint point, Domain.Severity.Classification classification, Domain.Severity.Signals signals, CancellationToken ct)
    {
        await _turn.WaitAsync(ct);
        try
        {
            return await OpenInTurn(point, classification, signals, ct);
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task<string?> OpenInTurn(MetricPoint point, Domain.Severity.Classification classification, Domain.Severity.Signals signals, CancellationToken ct)
    {
        // Nodes and requests take turns for one service, so that a storm of readings opens one incident.
        await using var connection = await source.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await using (var turn = new NpgsqlCommand("select pg_advisory_xact_lock(720200, hashtext($1))", connection, transaction) { Parameters = { new() { Value = point.Service + "\n" + point.Environment } } })
            await turn.ExecuteNonQueryAsync(ct);
        var open = await incidents.OpenFor(point.Service, point.Environment, ct);
        if (open is null)
        {
            var declared = await desk.DeclareFromSignals(SignalTrigger.Title(point), point.Service, point.Environment, signals, ct);
            log.LogWarning("Incident {Number} declared: {Title}", declared.Number, declared.Title);
            return declared.Id;
        }
        if (classification.Severity < open.Severity) await desk.RaiseFromSignals(open.Id, signals, ct);
        return open.Id;
    }

    private void Check(MetricPoint point)
    {
        Name(point.Service, "service");
        Name(point.Environment, "environment");
        Name(point.Metric, "metric");
        if (!double.IsFinite(point.Value)) throw new RefusedException(RefusalKind.Invalid, "The value must be a finite number.", "value");
        if (point.Baseline is { } b && !double.IsFinite(b)) throw new RefusedException(RefusalKind.Invalid, "The baseline must be a finite number.", "baseline");
        if (point.At > time.GetUtcNow() + Skew) throw new RefusedException(RefusalKind.Invalid, $"The time {point.At:O} lies more than 5 minutes in the future; check the sender's clock.", "at");
    }

    private static void Name(string? value, string field)
    {
        if (string.IsNullOrWhiteSpace(value)) throw new RefusedException(RefusalKind.Invalid, $"'{field}' is missing.", field);
        if (value.Length > IncidentDecider.LongestName) throw new RefusedException(RefusalKind.Invalid, $"'{field}' has {value.Length} characters; {IncidentDecider.LongestName} are the most.", field);
    }
}
