using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Approvals;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Library;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Engine.Catalog;
using RollbackConsole.Engine.Journal;
using RollbackConsole.Engine.Library;
using RollbackConsole.Steps;

namespace RollbackConsole.Engine.Approvals;

/// <summary>What the policies in force ask of a run, now.</summary>
public sealed class PolicyDesk(DocumentLibrary library, CatalogDesk catalog, StepKinds kinds, CheckpointWriter checkpoints)
{
    public const string Development = "development";

    public Task<IReadOnlyList<Policy>> All(CancellationToken ct = default) => library.All<Policy>(LibraryKind.Policies, ct);

    /// <summary>What a run of this plan would need.</summary>
    /// <param name="requester">Who would ask: their authority counts.</param>
    public async Task<PolicyVerdict> For(Plan plan, string service, string environment, Level severity, bool dryRun, Actor requester, CancellationToken ct = default) =>
        For(await All(ct), await Facts(plan, service, environment, severity, dryRun, requester, ct));

    public PolicyVerdict For(IReadOnlyList<Policy> policies, PolicyFacts facts)
    {
        var verdict = PolicyEngine.Evaluate(policies, facts, kinds.Schemas);
        // A newer console may have kept a policy that this one cannot read: what it asks for is not known, so nothing starts here.
        return facts.DryRun || library.Unreadable(LibraryKind.Policies) == 0 ? verdict : verdict with { Blocks = [.. verdict.Blocks, "A policy of the library cannot be read by this version of the console"] };
    }

    /// <summary>What the rules look at, as catalog and escalation tell it.</summary>
    public async Task<PolicyFacts> Facts(Plan plan, string service, string environment, Level severity, bool dryRun, Actor requester, CancellationToken ct = default)
    {
        var elsewhere = plan.Service is not null && plan.Service != service;
        // A plan that is about another service answers for that one, whatever the incident is called.
        if (plan.Service is { } own && own != service) service = own;
        var entity = await catalog.Service(service, ct);
        // Anybody can type "development": it counts only where the catalog does not say otherwise, and for a plan that is not about something else.
        var believed = environment != Development || (!elsewhere
            && (entity is null || entity.Operations.Environments.Count == 0 || entity.Operations.Environments.Contains(environment, StringComparer.Ordinal)));
        return new PolicyFacts(believed ? environment : "production", severity, plan, service, Name(entity?.Operations.Tenant), entity?.Operations.Industry, dryRun,
            requester.Id == Person.Console.Id, [.. requester.Roles, .. requester.Groups], await catalog.Escalation(service, ct), entity is not null, checkpoints.Trouble);
    }

    private static string? Name(string? tenant) => tenant is null ? null : Domain.Catalog.CatalogEntity.Normal(tenant, Domain.Catalog.EntityKind.Tenant).Split(':')[1];
}
