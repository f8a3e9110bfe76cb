using RollbackConsole.Domain.Library;

namespace RollbackConsole.Web.Library;

/// <summary>What a new document starts from: valid as it stands, so that a person changes instead of looking up.</summary>
public static class DocumentExamples
{
    public static string Of(LibraryKind kind) => kind switch
    {
        LibraryKind.Catalog => """
            apiVersion: backstage.io/v1alpha1
            kind: Component
            metadata:
              name: my-service
              title: My service
              description: What it does, in a sentence.
              tags: []
            spec:
              type: service
              lifecycle: production
              owner: group:my-team
              dependsOn: []
              operations:
                environments: [production]
                objectives: { recovery: 5m }
                health:
                  - { name: health, environment: production, url: 'https://my-service.example/health' }
                metrics:
                  - metric: errorRate
                    environment: production
                    query: sum(rate(http_requests_total{job="my-service",status=~"5.."}[1m])) / sum(rate(http_requests_total{job="my-service"}[1m]))
                    baseline: 0.01
                    every: 15s
            """,
        LibraryKind.Policies => """
            policy: my-policy
            title: What my service needs
            source: Who decided it, and where
            rules:
              - id: lead
                because: The lead of the service looks at everything in production.
                when: { environment: [production], service: [my-service] }
                require:
                  approvals:
                    - { group: platform_lead }
                  maximum-time: 15m
            """,
        LibraryKind.Matrices => """
            matrix: my-triggers
            title: My triggers
            type: triggers
            source: Where the figures come from
            signals:
              errorRate: { title: Failed requests, unit: fraction }
            rules:
              - { id: errors, title: More than 5 % of requests fail, severity: high, when: { errorRate: { above: 0.05 } }, for: 2m, action: recommend }
            """,
        LibraryKind.Escalations => """
            escalation: my-escalation
            title: Who is called when
            levels:
              - { name: On-call, responder: On-call engineer, until: 15m, authority: Execute a standard rollback, contacts: [on-call] }
              - { name: Lead, responder: Team lead, until: 30m, authority: Execute a complex rollback, contacts: [lead] }
            contacts:
              on-call: { title: On-call engineer, after: immediate, channel: webhook, address: '@on-call' }
              lead: { title: Team lead, after: immediate, channel: webhook, address: '@lead' }
            """,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "Unknown kind."),
    };
}
