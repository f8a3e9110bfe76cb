using Microsoft.Extensions.Logging;
using Npgsql;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Engine.Incidents;
using RollbackConsole.Store;
using RollbackConsole.Store.Incidents;

namespace RollbackConsole.Engine.Signals;

/// <summary>Opens one incident for each service and environment, however many signals say that it is needed, and raises it when they get worse.</summary>
public sealed class IncidentOpener(IncidentRows incidents, IncidentDesk desk, AutomaticRollback automatic, NpgsqlDataSource source, ILogger<IncidentOpener> log)
{
    /// <summary>One of this node at a time waits for the database's turn: waiters that each held a connection would leave none for the one who has it.</summary>
    private readonly SemaphoreSlim _turn = new(1);

    /// <summary>The incident that is open afterwards.</summary>
    public async Task<string> Open(string service, string environment, string title, SignalSet? signals, Classification classification, CancellationToken ct)
    {
        // A storm of signals about an incident that is bad enough already needs no turn.
        if (await incidents.OpenFor(service, environment, ct) is { } known && known.Severity <= classification.Severity && !automatic.News(known.Id, classification.Rules)) return known.Id;
        await _turn.WaitAsync(ct);
        try
        {
            return await OpenInTurn(service, environment, title, signals, classification, ct);
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task<string> OpenInTurn(string service, string environment, string title, SignalSet? signals, Classification classification, CancellationToken ct)
    {
        // Nodes and requests take turns for one service, so that a storm opens one incident.
        await using var connection = await source.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        // Parameters and several statements do not go together: the wait for the turn is a second command.
        await using (var hold = new NpgsqlCommand(StoreSetup.HoldTurn, connection, transaction)) await hold.ExecuteNonQueryAsync(ct);
        await using (var turn = new NpgsqlCommand("select pg_advisory_xact_lock(720200, hashtext($1))", connection, transaction) { Parameters = { new() { Value = service + "\n" + environment } } })
            await turn.ExecuteNonQueryAsync(ct);
        Incident incident;
        if (await incidents.OpenFor(service, environment, ct) is { } open)
        {
            // It is bad enough already; a rule that asks for an automatic rollback is still heard.
            incident = await desk.RaiseFromMonitoring(open.Id, signals, classification, "The signals got worse.", ct);
        }
        else
        {
            incident = await desk.DeclareFromMonitoring(title, service, environment, signals, classification, ct);
            log.LogWarning("Incident {Number} declared: {Title}", incident.Number, incident.Title);
        }
        // Not the request's token: a sender that hangs up must not cut it off half-way.
        await automatic.Consider(incident, classification.Rules, CancellationToken.None);
        return incident.Id;
    }
}
