using Bunit;
using Microsoft.Extensions.DependencyInjection;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Library;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Engine.Library;
using RollbackConsole.Store.Runs;
using RollbackConsole.Web.Incidents;
using RollbackConsole.Web.Severity;

namespace RollbackConsole.Web.Tests;

public sealed class DecideComponentTests : BunitContext
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);
    private static readonly string PlatformYaml = StandardDocuments.All().First(d => d.File.EndsWith("/platform.yaml", StringComparison.Ordinal)).Yaml;

    private static Matrix Platform => MatrixReader.Read(YamlDocument.Read(PlatformYaml).Root!).Document!;

    [Fact]
    public void The_grid_lights_what_is_tried_and_links_what_fires_now()
    {
        var incident = new Incident { Id = "i", Number = 7, Title = "T", Rules = [new FiredRule("platform", "error-rate-10-to-30", "b", Level.Medium)] };
        var grid = Render<MatrixGrid>(p => p.Add(g => g.Matrix, Platform).Add(g => g.Lit, new HashSet<string>(StringComparer.Ordinal) { "error-rate-above-30" }).Add(g => g.Open, [incident]));
        Assert.Equal(4, grid.FindAll("tbody tr").Count);
        Assert.Contains("fires", grid.Find("[data-testid=cell-error-rate-above-30]").TextContent, StringComparison.Ordinal);
        Assert.Contains("lit", grid.Find("[data-testid=row-high]").ClassName, StringComparison.Ordinal);
        Assert.Equal("/incidents/i", grid.Find("[data-testid=cell-error-rate-10-to-30] a").GetAttribute("href"));
        Assert.DoesNotContain("fires", grid.Find("[data-testid=cell-outage]").TextContent, StringComparison.Ordinal);
        Assert.Contains("15m", grid.Find("[data-testid=row-high]").TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public void A_threshold_is_changed_in_the_text_and_nothing_else_is()
    {
        var edit = MatrixEdit.Of("# keep me\n" + PlatformYaml);
        edit.Set("error-rate-10-to-30", "errorRate", "to", "0,25");
        Assert.Equal(("# keep me\n" + PlatformYaml).Replace("to: 0.30", "to: 0.25", StringComparison.Ordinal), edit.Yaml);
        Assert.Contains("from 25 % to 30 %", Assert.Single(edit.Findings).Message, StringComparison.Ordinal);
        edit.Set("error-rate-above-30", "errorRate", "above", "0.3 }, outage: true # {");
        Assert.False(edit.Clean);
        Assert.Equal("0.3 }, outage: true # {", edit.Rejected[("error-rate-above-30", "errorRate", "above")]);
        Assert.DoesNotContain("outage: true #", edit.Yaml, StringComparison.Ordinal);
        edit.Set("error-rate-above-30", "errorRate", "above", "25");
        Assert.Contains("fraction", Assert.Single(edit.Errors).Message, StringComparison.Ordinal);
        edit.Set("error-rate-above-30", "errorRate", "above", "0.25");
        Assert.True(edit.Clean);
        Assert.Empty(edit.Findings);
        var quoted = MatrixEdit.Of(PlatformYaml.Replace("above: 0.30", "above: \"0.30\"", StringComparison.Ordinal));
        quoted.Set("error-rate-above-30", "errorRate", "above", "0.2");
        Assert.Contains("above: \"0.2\"", quoted.Yaml, StringComparison.Ordinal);
    }

    [Fact]
    public void Signals_are_typed_as_percentages_and_nonsense_is_told()
    {
        var value = SignalSet.None;
        var form = Render<SignalForm>(p => p.Add(f => f.Definitions, Platform.Signals).Add(f => f.Value, value).Add(f => f.ValueChanged, v => value = v));
        form.Find("[data-testid=signal-errorRate]").Input("31 %");
        Assert.Equal(0.31, value.Figures["errorRate"]);
        form.Find("[data-testid=signal-outage]").Change(true);
        Assert.Equal(["outage"], value.Facts);
        form.Find("[data-testid=signal-errorRate]").Input("310");
        Assert.Contains("From 0 to 100", form.Markup, StringComparison.Ordinal);
        form.Find("[data-testid=signal-errorRate]").Input("lots");
        Assert.Contains("Type a number", form.Markup, StringComparison.Ordinal);
        Assert.False(value.Figures.ContainsKey("errorRate"));
    }

    [Fact]
    public void A_plan_that_cannot_meet_the_limit_says_so_and_is_never_first()
    {
        var proposal = Proposals.Of(new ProposalNeed("shop", Level.High, Advice.QuickFixThenRollBack, null, TimeSpan.FromMinutes(15), "Tenant 1000", []),
            [(Plan("slow", TimeSpan.FromMinutes(45)), new PlanRecord(Noon, null, 9, 0, TimeSpan.FromMinutes(40)), PolicyWord.None), (Plan("quick", TimeSpan.FromMinutes(5)), PlanRecord.None, PolicyWord.None)], Noon);
        Assert.Equal(["quick", "slow"], proposal.Plans.Select(p => p.Name));
        var incident = new Incident { Id = "i", Number = 1, Service = "shop", Status = IncidentStatus.Open };
        var asked = new List<string>();
        var panel = Render<ProposalPanel>(p => p.Add(x => x.Incident, incident).Add(x => x.Proposal, proposal).Add(x => x.CanAct, true).Add(x => x.OnRequest, a => asked.Add(a.Name)));
        Assert.Contains("It may take 45m; Tenant 1000 allows 15m.", panel.Find("[data-testid=plan-slow] [data-testid=infeasible]").TextContent, StringComparison.Ordinal);
        Assert.Empty(panel.FindAll("[data-testid=plan-quick] [data-testid=infeasible]"));
        panel.Find("[data-testid=request-quick]").Click();
        Assert.Equal(["quick"], asked);
        Assert.Empty(Render<ProposalPanel>(p => p.Add(x => x.Incident, incident).Add(x => x.Proposal, proposal)).FindAll("button"));
    }

    [Theory]
    [InlineData(0.0, 1)]
    [InlineData(200.0, 0)]
    public void What_worked_lately_comes_before_what_never_ran_and_a_failure_goes_last(double daysAgo, int failed)
    {
        var now = Noon;
        PlanRecord record = new(now.AddDays(-daysAgo), failed > 0 ? now.AddMinutes(1) : null, 1, failed, null);
        var plans = Proposals.Of(new ProposalNeed("shop", Level.Critical, Advice.RollBackNow, null, null, null, []), [(Plan("fresh", null), PlanRecord.None, PolicyWord.None), (Plan("tested", null), record, PolicyWord.None)], now).Plans;
        Assert.Equal(failed > 0 ? "fresh" : "tested", plans[0].Name);
        Assert.Equal("No plan of the library is written for this service.", Proposals.Of(new ProposalNeed("other", Level.Critical, Advice.RollBackNow, null, null, null, []), [(Plan("fresh", null), PlanRecord.None, PolicyWord.None)], now).Lead);
    }

    [Theory]
    [InlineData(IncidentStatus.Open, false, null, null, null, "Decide")]
    [InlineData(IncidentStatus.Open, true, Choice.RollBack, null, null, "Approve")]
    [InlineData(IncidentStatus.Open, true, Choice.RollBack, RunStatus.AwaitingApproval, null, "Approve")]
    [InlineData(IncidentStatus.Open, true, Choice.RollBack, RunStatus.Running, null, "Roll back")]
    [InlineData(IncidentStatus.Open, true, Choice.RollBack, RunStatus.Finished, RunOutcome.Succeeded, "Verify")]
    [InlineData(IncidentStatus.Open, true, Choice.FixForward, null, null, "Verify")]
    public void The_track_shows_where_an_incident_stands(IncidentStatus status, bool decided, Choice? choice, RunStatus? run, RunOutcome? outcome, string here)
    {
        List<RunRow> runs = run is { } r ? [new RunRow("r", "i", "p", 1, "T", "s", "e", false, r, outcome, "", "x", Noon, null, null, 1, 1, null)] : [];
        Assert.Equal(here, StageTrack.Stages(status, Level.High, decided, choice, runs).Single(s => s.State == "here").Name);
    }

    [Fact]
    public void Thresholds_are_drawn_for_figures_and_told_against_their_baseline()
    {
        var lines = SignalChart.Thresholds([Platform]);
        Assert.Contains(lines, t => t is { Series: "errorRate", Of: "value", Value: 0.30, Severity: "high" });
        Assert.Contains(lines, t => t is { Series: "latency", Of: "increase", Value: 0.50, Severity: "high" });
        Assert.DoesNotContain(lines, t => t.Severity == "low");
    }

    private static PlanVersion Plan(string name, TimeSpan? objective) => new(name, 1, "sha256:x", new Plan(name, name, "shop", Risk.Modification, objective, "none", [], [], [], null, []));
}
