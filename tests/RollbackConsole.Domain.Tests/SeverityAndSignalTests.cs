using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Domain.Signals;

namespace RollbackConsole.Domain.Tests;

public sealed class SeverityAndSignalTests
{
    private static readonly DateTimeOffset Noon = ARun.Noon;

    [Theory]
    [InlineData(0.05, Level.Low, 60)]
    [InlineData(0.0999, Level.Low, 60)]
    [InlineData(0.10, Level.Medium, 30)]
    [InlineData(0.30, Level.Medium, 30)]
    [InlineData(0.3001, Level.High, 15)]
    [InlineData(1, Level.High, 15)]
    public void Error_rates_fall_into_the_bands_of_the_matrix(double rate, Level level, int minutes)
    {
        var c = SeverityMatrix.Evaluate(new Severity.Signals(ErrorRate: rate))!;
        Assert.Equal((level, TimeSpan.FromMinutes(minutes)), (c.Severity, c.DecideWithin));
    }

    [Fact]
    public void The_worst_rule_decides_and_every_rule_that_fired_is_named()
    {
        var c = SeverityMatrix.Evaluate(new Severity.Signals(ErrorRate: 0.12, DataCorruption: true))!;
        Assert.Equal(Level.Critical, c.Severity);
        Assert.Equal(Advice.RollBackNow, c.Action);
        Assert.Equal(["data-corruption", "error-rate-10-to-30"], c.Rules.Select(r => r.Rule));
    }

    [Fact]
    public void No_signal_has_no_severity() => Assert.Null(SeverityMatrix.Evaluate(new Severity.Signals()));

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(-0.1)]
    [InlineData(1.01)]
    public void A_rate_that_is_no_fraction_is_refused(double rate) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => SeverityMatrix.Evaluate(new Severity.Signals(ErrorRate: rate)));

    [Fact]
    public void Three_bad_readings_in_a_row_open_an_incident_and_a_spike_does_not()
    {
        Assert.Null(SignalTrigger.Evaluate(Readings(0.4, 0.0, 0.4, 0.4), Noon));
        Assert.Null(SignalTrigger.Evaluate(Readings(0.4, 0.4), Noon));
        Assert.Equal(Level.High, SignalTrigger.Evaluate(Readings(0.4, 0.4, 0.4), Noon)!.Value.Classification.Severity);
    }

    [Fact]
    public void The_mildest_of_the_three_decides() =>
        Assert.Equal(Level.Medium, SignalTrigger.Evaluate(Readings(0.4, 0.15, 0.4), Noon)!.Value.Classification.Severity);

    [Fact]
    public void Old_readings_say_nothing_about_now() => Assert.Null(SignalTrigger.Evaluate(Readings(0.4, 0.4, 0.4), Noon.AddMinutes(2)));

    [Fact]
    public void An_incident_goes_from_open_over_resolved_to_closed_and_no_further()
    {
        var by = ARun.Commander.Person;
        var open = IncidentDecider.Decide(Incident.None, new DeclareIncident("i", 1, "Title", "shop", "production", null, Level.High, by, Noon)).Events.Aggregate(Incident.None, Incident.Apply);
        Assert.Equal(Noon.AddMinutes(15), open.DecideBy);
        Assert.Equal(RefusalKind.Conflict, IncidentDecider.Decide(open, new CloseIncident(by, Noon)).Refusal!.Kind);
        var resolved = IncidentDecider.Decide(open, new ResolveIncident("", by, Noon)).Events.Aggregate(open, Incident.Apply);
        var closed = IncidentDecider.Decide(resolved, new CloseIncident(by, Noon)).Events.Aggregate(resolved, Incident.Apply);
        Assert.Equal(IncidentStatus.Closed, closed.Status);
        Assert.Equal(RefusalKind.Conflict, IncidentDecider.Decide(closed, new AddNote("late", by, Noon)).Refusal!.Kind);
    }

    [Theory]
    [InlineData("", "shop", "title")]
    [InlineData("Title", " ", "service")]
    public void A_declaration_without_its_facts_names_the_field(string title, string service, string field) =>
        Assert.Equal(field, IncidentDecider.Decide(Incident.None, new DeclareIncident("i", 1, title, service, "production", null, Level.High, ARun.Commander.Person, Noon)).Refusal!.Field);

    private static MetricPoint[] Readings(params double[] newestFirst) =>
        [.. newestFirst.Select((v, i) => new MetricPoint("shop", "production", "errorRate", v, null, Noon.AddSeconds(-i)))];
}
