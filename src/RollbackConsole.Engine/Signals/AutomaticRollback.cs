using System.Collections.Concurrent;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Engine.Catalog;
using RollbackConsole.Engine.Incidents;
using RollbackConsole.Engine.Plans;
using RollbackConsole.Engine.Runs;
using RollbackConsole.Store.Runs;

namespace RollbackConsole.Engine.Signals;

/// <summary>Asks for the rollback in the console's own name, when the rule says "automatic" and the service's catalog entry allows it.
/// It only asks: the approval policy in force decides whether anything runs.</summary>
public sealed class AutomaticRollback(CatalogDesk catalog, ProposalDesk proposals, PlanLibrary plans, RunRequests runs, RunRows rows, IncidentDesk desk)
{
    private static readonly Actor Console = new(Person.Console.Id, Person.Console.Name, [Role.Responder], []);

    /// <summary>Incidents that were considered; beyond this many the oldest question may be asked again, which the runs of the incident answer.</summary>
    private const int MostKept = 10_000;

    private readonly ConcurrentDictionary<string, bool> _considered = new(StringComparer.Ordinal);

    /// <summary>Do the rules hold one that asks for an automatic rollback, for an incident that was not considered yet?</summary>
    public bool News(string incident, IReadOnlyList<FiredRule> rules) => Asking(rules) is not null && !_considered.ContainsKey(incident);

    public async Task Consider(Incident incident, IReadOnlyList<FiredRule> rules, CancellationToken ct)
    {
        if (Asking(rules) is not { } rule) return;
        if (_considered.Count > MostKept) _considered.Clear();
        if (!_considered.TryAdd(incident.Id, true)) return;
        try
        {
            await Ask(incident, rule, ct);
        }
        catch
        {
            // What a moment without PostgreSQL cut short is asked again with the next word of monitoring.
            _considered.TryRemove(incident.Id, out _);
            throw;
        }
    }

    private async Task Ask(Incident incident, FiredRule rule, CancellationToken ct)
    {
        if (await catalog.Service(incident.Service, ct) is not { Operations.Automatic: true }) return;
        // Somebody acts already. A dry run is a question, not an act.
        if ((await rows.OfIncident(incident.Id, ct)).Exists(r => !r.DryRun)) return;
        if ((await proposals.For(Console, incident, ct)).Plans.FirstOrDefault(p => p.Infeasible is null) is not { } best)
        {
            await Say(incident, "no plan fits", rule, ct);
            return;
        }
        var plan = await plans.Get(best.Name, best.Version, ct);
        if (plan.Plan.Parameters.FirstOrDefault(p => p is { Required: true, Default: null }) is { } open)
        {
            await Say(incident, $"'{best.Title}' needs a person to give '{open.Name}'", rule, ct);
            return;
        }
        try
        {
            await runs.Request(Console, incident.Id, best.Name, best.Version, new Dictionary<string, string>(StringComparer.Ordinal), dryRun: false, $"Automatic: {rule.Because} ({rule.Matrix}/{rule.Rule})", ct);
        }
        catch (RefusedException e)
        {
            await Say(incident, e.Message, rule, ct);
        }
    }

    private static FiredRule? Asking(IReadOnlyList<FiredRule> rules) => rules.FirstOrDefault(r => r is { Automatic: true, Action: TriggerAction.Immediate });

    private Task<Incident> Say(Incident incident, string why, FiredRule rule, CancellationToken ct) =>
        desk.Tell(incident.Id, now => new AddNote($"The rule {rule.Matrix}/{rule.Rule} asks for an automatic rollback; nothing was asked for, because {why}.", Person.Console, now), ct);
}
