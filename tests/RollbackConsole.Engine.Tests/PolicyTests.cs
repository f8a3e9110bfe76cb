using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Approvals;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Library;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Engine.Library;
using RollbackConsole.Steps;

namespace RollbackConsole.Engine.Tests;

/// <summary>The policies that ship, and how rules add up.</summary>
public sealed class PolicyTests
{
    private static readonly Dictionary<string, StepKindSchema> Kinds = new(StringComparer.Ordinal)
    {
        ["postgres/backup"] = new("postgres/backup", "", Effect.Idempotent, false, [], SavesData: true),
        ["postgres/compare"] = new("postgres/compare", "", Effect.Idempotent, false, [], ComparesData: true),
        ["http/check"] = new("http/check", "", Effect.Idempotent, false, [], ChecksService: true),
    };

    private static readonly List<Policy> Shipped = [.. StandardDocuments.All().Where(d => d.Kind == LibraryKind.Policies).Select(d => Read(d.Yaml))];
    private static readonly Escalation Standard = (Escalation)Document(LibraryKind.Escalations, StandardDocuments.All().Single(d => d.File.EndsWith("escalations/standard.yaml", StringComparison.Ordinal)).Yaml);

    [Fact]
    public void Outside_development_one_other_person_approves_and_in_development_nobody()
    {
        var verdict = Ask(Facts());
        var one = Assert.Single(verdict.Approvals);
        Assert.Equal((Role.Approver, 1, true), (one.Group, one.Count, one.ExceptRequester));
        Assert.True(verdict.BreakGlass);
        Assert.Equal(["default/second-person", "default/fresh"], verdict.Reasons.Select(r => r.Rule));
        Assert.Empty(Ask(Facts() with { Environment = "development" }).Approvals);
        Assert.Empty(Ask(Facts() with { DryRun = true }).Reasons);
    }

    [Fact]
    public void Without_any_policy_nothing_runs_on_one_persons_word() =>
        Assert.Equal(Role.Approver, Assert.Single(PolicyEngine.Evaluate([], Facts(), Kinds).Approvals).Group);

    [Fact]
    public void Tenant_1000_asks_for_two_groups_fifteen_minutes_and_comprehensive_validation()
    {
        var facts = Facts(Checked()) with { Tenant = "1000" };
        var verdict = Ask(facts);
        Assert.Equal(["platform_lead", "tenant_success_manager"], verdict.Approvals.Select(a => a.Group));
        Assert.Equal((TimeSpan.FromMinutes(15), ValidationLevel.Comprehensive), (verdict.MaximumTime, verdict.Validation));
        Assert.Equal(["chat", "mail", "pager"], verdict.Notify);
        Assert.Equal("tenants/tenant-1000", verdict.Reasons.Single(r => r.Rule == "default/second-person").WaivedBy);
        Assert.Empty(verdict.Blocks);
        // The default's leave to start alone goes with the default's approvals: this tenant has agreed to nothing of the kind.
        Assert.False(verdict.BreakGlass);
        Assert.Contains("The plan may take 20m; 15m is allowed", Ask(facts with { Plan = Checked() with { Objective = TimeSpan.FromMinutes(20) } }).Blocks[0], StringComparison.Ordinal);
        Assert.Contains("names no objective", Ask(facts with { Plan = Checked() with { Objective = null } }).Blocks[0], StringComparison.Ordinal);
        Assert.Contains("compares data", Assert.Single(Ask(facts with { Plan = Checked() with { Checks = [Step("http/check")] } }).Blocks), StringComparison.Ordinal);
        Assert.Contains("checks the service", Assert.Single(Ask(facts with { Plan = Checked() with { Checks = [Step("postgres/compare")] } }).Blocks), StringComparison.Ordinal);
    }

    [Fact]
    public void Tenant_9999_needs_no_approval_an_hour_and_basic_validation()
    {
        var verdict = Ask(Facts(Checked() with { Objective = TimeSpan.FromMinutes(60) }) with { Tenant = "9999" });
        Assert.Empty(verdict.Approvals);
        Assert.Empty(verdict.Blocks);
        Assert.Equal(["chat"], verdict.Notify);
        Assert.Contains("no checks", Assert.Single(Ask(Facts(Checked() with { Checks = [] }) with { Tenant = "9999" }).Blocks), StringComparison.Ordinal);
    }

    [Fact]
    public void A_bank_names_the_regulators_decision_keeps_its_data_and_signs_off_at_the_end()
    {
        var facts = Facts(Checked()) with { Industry = "banking" };
        var verdict = Ask(facts);
        Assert.True(verdict.Approvals.Single(a => a.Group == "regulatory_liaison").NeedsReference);
        Assert.True(verdict.Approvals.Single(a => a.Group == "compliance") is { AtEnd: true, Checklist.Count: 3 });
        Assert.True(verdict is { Audit: true, BreakGlass: false });
        Assert.Equal(3653, verdict.Retain!.Value.Days);
        var destroys = Step("postgres/migrate") with { Destructive = true };
        var backup = Step("postgres/backup");
        string[] after = [backup.Id];
        Assert.Contains("destroys before anything was surely saved", Assert.Single(Ask(facts with { Plan = Checked() with { Steps = [backup, destroys] } }).Blocks), StringComparison.Ordinal);
        Assert.Empty(Ask(facts with { Plan = Checked() with { Steps = [backup, destroys with { Needs = after }] } }).Blocks);
        // A backup that may fail or be left out is none.
        Assert.Single(Ask(facts with { Plan = Checked() with { Steps = [backup with { OnFailure = OnFailure.Continue }, destroys with { Needs = after }] } }).Blocks);
        Assert.Single(Ask(facts with { Plan = Checked() with { Steps = [backup with { If = "{{parameters.safe}}" }, destroys with { Needs = after }] } }).Blocks);
    }

    [Fact]
    public void Software_as_a_service_prefers_no_downtime_and_may_roll_back_by_itself()
    {
        var facts = Facts() with { Industry = "saas" };
        Assert.Equal(["zero-downtime", "canary"], Ask(facts).Prefer);
        Assert.Single(Ask(facts).Approvals);
        Assert.Empty(Ask(facts with { Automatic = true }).Approvals);
    }

    [Fact]
    public void A_complex_rollback_needs_the_authority_of_a_senior_level_unless_the_requester_has_it()
    {
        var facts = Facts(Checked() with { Downtime = "10m-15m" }) with { Escalation = Standard };
        var authority = Ask(facts).Approvals.Single(a => a.Group != Role.Approver);
        Assert.Equal(("tech_lead", true), (authority.Group, authority.OrGroups!.Contains("executive")));
        Assert.False(authority.IsFor(new Actor("o", "On call", [Role.Commander], ["on_call"])));
        Assert.Single(Ask(facts with { RequesterGroups = ["engineering_manager"] }).Approvals);
        Assert.Single(Ask(facts with { Plan = Checked() }).Approvals);
        Assert.Single(Ask(facts with { Known = false }).Approvals);
    }

    [Fact]
    public void A_structural_change_is_reviewed_by_quality_and_architecture_four_points_each()
    {
        var verdict = Ask(Facts(Checked() with { Risk = Risk.Structural }));
        Assert.Equal(4, verdict.Approvals.Single(a => a.Group == "data_qa").Checklist!.Count);
        Assert.Equal(4, verdict.Approvals.Single(a => a.Group == "data_architect").Checklist!.Count);
    }

    [Fact]
    public void The_strictest_word_counts_when_rules_meet()
    {
        var policies = new[] { "a", "b" }.Select(n => Read($$"""
            policy: {{n}}
            title: {{n}}
            rules:
              - id: one
                because: Because of {{n}}.
                require:
                  approvals: [{ group: approver, count: {{(n == "a" ? 1 : 2)}}, checklist: [{{n}}] }]
                  maximum-time: {{(n == "a" ? "5m" : "9m")}}
                  break-glass: { allowed: {{(n == "a" ? "true, review-within: 1h" : "false")}} }
            """)).ToList();
        var verdict = Ask(Facts(Checked()), policies);
        var approval = Assert.Single(verdict.Approvals);
        Assert.Equal(2, approval.Count);
        Assert.Equal(["a", "b"], approval.Checklist);
        Assert.Equal(TimeSpan.FromMinutes(5), verdict.MaximumTime);
        Assert.False(verdict.BreakGlass);
    }

    [Fact]
    public void Nobody_waives_themselves_and_two_that_waive_each_other_both_stand()
    {
        Policy Waiving(string name, string waived) => Read($"policy: {name}\ntitle: T\nrules:\n  - {{ id: one, because: B, require: {{ approvals: [{{ group: {name} }}], waive: [{waived}] }} }}");
        Assert.Equal(["a", "b"], Ask(Facts(), [Waiving("a", "b/one"), Waiving("b", "a/one")]).Approvals.Select(x => x.Group));
        Assert.Single(Ask(Facts(), [Waiving("a", "a/one")]).Approvals);
        Assert.Equal(["a"], Ask(Facts(), [Waiving("a", "b/one"), Waiving("b", "c/one")]).Approvals.Select(x => x.Group));
    }

    [Theory]
    [InlineData("require: { aproval: [] }", "Did you mean")]
    [InlineData("require: { break-glass: { allowed: true } }", "review")]
    [InlineData("require: { window: { from: '25:00', to: '04:00' } }", "no time")]
    [InlineData("require: { approvals: [{ group: x, at: middle }] }", "approval/gate")]
    [InlineData("require: { waive: [second-person] }", "policy/rule")]
    [InlineData("when: { risk: [huge] }", "none of")]
    [InlineData("because: again", "'require' is missing")]
    public void A_policy_that_says_something_else_than_it_means_is_refused_with_its_place(string line, string complaint)
    {
        var yaml = $"policy: p\ntitle: P\nrules:\n  - id: r\n{(line.StartsWith("because", StringComparison.Ordinal) ? "" : "    because: b\n")}    {line}\n";
        var (root, _) = YamlDocument.Read(yaml);
        var reading = PolicyReader.Read(root!);
        Assert.False(reading.Valid);
        Assert.Contains(reading.Errors, e => e.Message.Contains(complaint, StringComparison.Ordinal) && e.Line >= 4);
    }

    private static PolicyVerdict Ask(PolicyFacts facts, IReadOnlyList<Policy>? policies = null) => PolicyEngine.Evaluate(policies ?? Shipped, facts, Kinds);

    private static PolicyFacts Facts(Plan? plan = null) => new("production", Level.High, plan ?? Checked(), "shop", null, null, false, false, [Role.Commander], null);

    private static Plan Checked() => new("plan", "Plan", "shop", Risk.Modification, TimeSpan.FromMinutes(5), "none", [], [Step("command/run")], [Step("postgres/compare"), Step("http/check")], null, []);

    private static PlanStep Step(string uses) => new(uses.Replace('/', '-'), uses, uses, [], [], TimeSpan.FromMinutes(1), 1, TimeSpan.Zero, Effect.Once, OnFailure.Stop, null);

    private static Policy Read(string yaml) => (Policy)Document(LibraryKind.Policies, yaml);

    private static object Document(LibraryKind kind, string yaml)
    {
        var (root, errors) = YamlDocument.Read(yaml);
        Assert.Empty(errors);
        if (kind == LibraryKind.Escalations) return EscalationReader.Read(root!).Document!;
        var reading = PolicyReader.Read(root!);
        Assert.Empty(reading.Errors);
        return reading.Document!;
    }
}
