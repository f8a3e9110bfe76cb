using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Library;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Domain.Signals;
using RollbackConsole.Engine.Library;

namespace RollbackConsole.Engine.Tests;

/// <summary>The rule sets that ship, read as the console reads them.</summary>
public sealed class MatrixTests
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);

    private static readonly Dictionary<string, DocumentReading<Matrix>> Shipped = StandardDocuments.All().Where(d => d.Kind == LibraryKind.Matrices)
        .Select(d => (d.File, Reading: Read(d.Yaml))).ToDictionary(d => Path.GetFileNameWithoutExtension(d.File), d => d.Reading, StringComparer.Ordinal);

    [Fact]
    public void Every_table_of_the_procedures_ships_as_a_rule_set_of_its_own()
    {
        Assert.All(Shipped.Values, r => Assert.True(r.Valid, string.Join("; ", r.Errors)));
        Assert.Equal(["delivery-triggers", "manual-decision", "pipeline-criteria", "pipeline-degradation", "pipeline-triggers", "platform", "platform-alerts", "registry-risk", "registry-symptoms", "saas-triggers"], Shipped.Keys.Order());
        Assert.All(Shipped.Values, r => Assert.NotEmpty(r.Document!.Source));
        Assert.Equal([12, 3, 5, 6, 5, 5, 10, 2, 7, 4], new[] { "platform", "platform-alerts", "delivery-triggers", "manual-decision", "pipeline-triggers", "pipeline-degradation", "pipeline-criteria", "saas-triggers", "registry-symptoms", "registry-risk" }.Select(n => Shipped[n].Document!.Rules.Count));
    }

    [Theory]
    [InlineData(0, Level.Low, 60)]
    [InlineData(0.0999, Level.Low, 60)]
    [InlineData(0.10, Level.Medium, 30)]
    [InlineData(0.30, Level.Medium, 30)]
    [InlineData(0.3001, Level.High, 15)]
    [InlineData(1, Level.High, 15)]
    public void Error_rates_fall_into_the_bands_of_the_platform_matrix(double rate, Level level, int minutes)
    {
        var c = Judge("platform", ("errorRate", rate))!;
        Assert.Equal((level, TimeSpan.FromMinutes(minutes)), (c.Severity, c.DecideWithin));
    }

    [Fact]
    public void The_worst_rule_decides_and_every_rule_that_fired_is_named()
    {
        var platform = Shipped["platform"].Document!;
        var c = Evaluation.Classify([platform], platform, SignalSet.Of(("errorRate", 0.12)).And("dataCorruption"))!;
        Assert.Equal((Level.Critical, Advice.RollBackNow, TimeSpan.FromMinutes(5)), (c.Severity, c.Action, c.DecideWithin));
        Assert.Equal(["data-corruption", "error-rate-10-to-30"], c.Rules.Select(r => r.Rule));
        Assert.Null(Evaluation.Classify([platform], platform, SignalSet.None));
    }

    [Theory]
    [InlineData("delivery-triggers", "testPassRate", 0.9499, "test-failures", Level.High, TriggerAction.Immediate)]
    [InlineData("delivery-triggers", "criticalVulnerabilities", 1, "security-issues", Level.Critical, TriggerAction.Immediate)]
    [InlineData("delivery-triggers", "responseTimeRatio", 1.51, "performance-degradation", Level.High, TriggerAction.Gradual)]
    [InlineData("delivery-triggers", "errorRateRatio", 3.01, "error-rate-spike", Level.High, TriggerAction.Immediate)]
    [InlineData("delivery-triggers", "memoryGrowth", 0.101, "memory-leak", Level.Medium, TriggerAction.Scheduled)]
    [InlineData("pipeline-triggers", "errorRate", 0.0101, "errors-above-1", Level.Critical, TriggerAction.Immediate)]
    [InlineData("pipeline-triggers", "slowdown", 1.01, "response-above-200", Level.Critical, TriggerAction.Immediate)]
    [InlineData("pipeline-degradation", "queryTimeoutRate", 0.0501, "query-timeouts", Level.High, TriggerAction.Recommend)]
    [InlineData("pipeline-degradation", "deadlockIncrease", 3.01, "deadlocks", Level.High, TriggerAction.Recommend)]
    [InlineData("platform-alerts", "errorRate", 0.3001, "high-error-rate", Level.Critical, TriggerAction.Immediate)]
    [InlineData("saas-triggers", "latency", 2.01, "latency-above-2s", Level.High, TriggerAction.Immediate)]
    public void Each_trigger_fires_just_beyond_its_threshold_with_its_severity_and_action(string matrix, string signal, double value, string rule, Level level, TriggerAction action)
    {
        var fired = Assert.Single(Evaluation.Fire(Shipped[matrix].Document!, SignalSet.Of((signal, value))));
        Assert.Equal((rule, level, action), (fired.Rule, fired.Severity!.Value, fired.Action!.Value));
        Assert.Empty(Evaluation.Fire(Shipped[matrix].Document!, SignalSet.Of((signal, Threshold(matrix, rule)))));
    }

    [Fact]
    public void Between_one_and_ten_percent_the_registry_s_table_is_silent_and_the_platform_decides()
    {
        var registry = Shipped["registry-symptoms"];
        var platform = Shipped["platform"].Document!;
        Assert.Empty(Evaluation.Fire(registry.Document!, SignalSet.Of(("queryErrorRate", 0.05))));
        Assert.Contains("from 1 % to 10 %", Assert.Single(registry.Warnings).Message, StringComparison.Ordinal);
        var point = new MetricPoint("registry", "production", "errorRate", 0.05, null, Noon);
        var fired = new[] { registry.Document!, platform }.SelectMany(m => Evaluation.Fire(m, SignalTrigger.AsSignals(m, point)));
        Assert.Equal("error-rate-below-10", Assert.Single(fired).Rule);
        // No errors at all are no symptom.
        Assert.Empty(Evaluation.Fire(registry.Document!, SignalSet.Of(("queryErrorRate", 0))));
    }

    [Fact]
    public void A_leak_asks_for_level_1_and_then_for_level_2()
    {
        var leak = Assert.Single(Evaluation.Fire(Shipped["registry-symptoms"].Document!, SignalSet.None.And("memoryLeak")));
        Assert.Equal((1, new NextLevel(2, TimeSpan.FromMinutes(10))), (leak.RollbackLevel!.Value, leak.Then));
    }

    [Theory]
    [InlineData("to: 0.30 } }", "to: 0.25 } }", "nothing is said from 25 % to 30 %")]
    [InlineData("from: 0.10, to: 0.30", "from: 0.10, to: 0.40", "overlap")]
    [InlineData("errorRate: { below: 0.10", "errorRate: { from: 0.05, below: 0.10", "nothing is said below 5 %")]
    [InlineData("errorRate: { below: 0.10 }", "errorRate: { below: 0.50 }", "'error-rate-below-10' (low) and 'error-rate-above-30' (high) overlap")]
    public void Gaps_and_overlaps_between_bands_are_found(string before, string after, string says)
    {
        var yaml = StandardDocuments.All().First(d => d.File.EndsWith("/platform.yaml", StringComparison.Ordinal)).Yaml;
        Assert.Empty(Read(yaml).Warnings);
        Assert.Contains(Read(yaml.Replace(before, after, StringComparison.Ordinal)).Warnings, w => w.Message.Contains(says, StringComparison.Ordinal) && w.Line > 1);
    }

    [Theory]
    [InlineData("errorRate: { above: 0.30 }", "errorRate: { above: 30 }", "fraction")]
    [InlineData("severity: critical, when: { outage: true }", "severity: fatal, when: { outage: true }", "none of critical")]
    [InlineData("{ outage: true }", "{ outrage: true }", "Did you mean 'outage'")]
    [InlineData("errorRate: { above: 0.30 }", "errorRate: { above: .nan }", "no number")]
    [InlineData("from: 0.10, to: 0.30", "from: 0.40, to: 0.30", "No figure can lie")]
    [InlineData("decide: 5m", "decide: soon", "no duration")]
    [InlineData("  low: {", "  lower: {", "Did you mean 'low'")]
    [InlineData("id: security-breach", "id: outage", "called 'outage' already")]
    public void A_matrix_with_a_fault_is_refused_at_its_place(string before, string after, string says)
    {
        var yaml = StandardDocuments.All().First(d => d.File.EndsWith("/platform.yaml", StringComparison.Ordinal)).Yaml;
        var reading = Read(yaml.Replace(before, after, StringComparison.Ordinal));
        Assert.False(reading.Valid);
        Assert.Contains(reading.Errors, e => e.Message.Contains(says, StringComparison.Ordinal) && e.Line > 1);
    }

    [Fact]
    public void An_escalation_level_that_reaches_nobody_is_reported()
    {
        var standard = EscalationReader.Read(YamlDocument.Read(StandardDocuments.All().First(d => d.File.EndsWith("/standard.yaml", StringComparison.Ordinal)).Yaml).Root!);
        Assert.True(standard.Valid);
        Assert.Equal("Level 4 (Executive) reaches nobody: it names no contact.", Assert.Single(standard.Warnings).Message);
        Assert.Equal([15, 30, 45, 60], standard.Document!.Levels.Select(l => l.Until.TotalMinutes));
        Assert.Equal([0, 15, 30, 45], standard.Document.Levels.SelectMany(l => l.Contacts).Select(c => c.After.TotalMinutes));
        Assert.Equal([0, 5, 10, 15, 1440], standard.Document.Milestones.Select(m => m.At.TotalMinutes));
        Assert.Equal(6, standard.Document.Evidence.Count);
    }

    [Fact]
    public void Readings_must_hold_for_the_time_of_their_rule()
    {
        Matrix[] matrices = [Shipped["platform-alerts"].Document!];
        Assert.Empty(SignalTrigger.Evaluate(matrices, Series(0.4, seconds: 299), Noon));
        Assert.Equal("high-error-rate", Assert.Single(SignalTrigger.Evaluate(matrices, Series(0.4, seconds: 300), Noon)).Rule);
        // One good reading in between, or a silence, breaks it.
        Assert.Empty(SignalTrigger.Evaluate(matrices, [.. Series(0.4, 400).Select((p, i) => i == 100 ? p with { Value = 0.2 } : p)], Noon));
        Assert.Empty(SignalTrigger.Evaluate(matrices, [.. Series(0.4, 400).Where(p => Noon - p.At is var age && (age.TotalSeconds < 100 || age.TotalSeconds > 200))], Noon));
        Assert.Empty(SignalTrigger.Evaluate(matrices, Series(0.4, 400), Noon.AddMinutes(2)));
    }

    [Fact]
    public void Three_bad_readings_in_a_row_count_and_the_mildest_of_them_decides()
    {
        Matrix[] matrices = [Shipped["platform"].Document!];
        Assert.Empty(SignalTrigger.Evaluate(matrices, Readings(0.4, 0.0, 0.4, 0.4), Noon));
        Assert.Empty(SignalTrigger.Evaluate(matrices, Readings(0.4, 0.4), Noon));
        Assert.Equal(Level.High, SignalTrigger.Evaluate(matrices, Readings(0.4, 0.4, 0.4), Noon)[0].Severity);
        Assert.Equal(Level.Medium, SignalTrigger.Evaluate(matrices, Readings(0.4, 0.15, 0.4), Noon)[0].Severity);
        Assert.Empty(SignalTrigger.Evaluate(matrices, Readings(0.4, 0.4, 0.4), Noon.AddMinutes(2)));
        // Slowness needs a baseline to be slow against.
        Assert.Empty(SignalTrigger.Evaluate(matrices, [.. Enumerable.Range(0, 3).Select(i => Point(i, 9) with { Metric = "latency" })], Noon));
        Assert.Equal("slowdown-above-50", SignalTrigger.Evaluate(matrices, [.. Enumerable.Range(0, 3).Select(i => Point(i, 1.6) with { Metric = "latency", Baseline = 1 })], Noon)[0].Rule);
    }

    private static double Threshold(string matrix, string rule) => Shipped[matrix].Document!.Rules.First(r => r.Id == rule).When[0] is var c ? c.Above ?? c.Below!.Value : 0;

    private static Classification? Judge(string matrix, (string, double) signal) => Evaluation.Classify([Shipped[matrix].Document!], Shipped["platform"].Document!, SignalSet.Of(signal));

    private static DocumentReading<Matrix> Read(string yaml)
    {
        var (root, errors) = YamlDocument.Read(yaml);
        return root is null ? new(null, null, null, null, errors, []) : MatrixReader.Read(root);
    }

    private static MetricPoint Point(int secondsAgo, double value) => new("shop", "production", "errorRate", value, null, Noon.AddSeconds(-secondsAgo));

    private static MetricPoint[] Series(double value, int seconds) => [.. Enumerable.Range(0, seconds + 1).Select(i => Point(i, value))];

    private static MetricPoint[] Readings(params double[] newestFirst) => [.. newestFirst.Select((v, i) => Point(i, v))];
}
