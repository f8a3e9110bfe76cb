using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Domain.Signals;
using static RollbackConsole.Domain.Tests.AnIncident;

namespace RollbackConsole.Domain.Tests;

public sealed class IncidentTests
{
    [Fact]
    public void An_incident_goes_from_open_over_resolved_to_closed_and_no_further()
    {
        var open = Declared();
        Assert.Equal(Noon.AddMinutes(15), open.DecideBy);
        Assert.Equal(RefusalKind.Conflict, open.Refused(new CloseIncident(Somebody, Noon)).Kind);
        var closed = open.Do(new ResolveIncident("", Somebody, Noon)).Do(new CloseIncident(Somebody, Noon));
        Assert.Equal(IncidentStatus.Closed, closed.Status);
        Assert.Equal(RefusalKind.Conflict, closed.Refused(new AddNote("late", Somebody, Noon)).Kind);
    }

    [Theory]
    [InlineData("", "shop", "title")]
    [InlineData("Title", " ", "service")]
    public void A_declaration_without_its_facts_names_the_field(string title, string service, string field) =>
        Assert.Equal(field, Incident.None.Refused(new DeclareIncident("i", 1, title, service, "production", null, At(Level.High), null, Somebody, Noon)).Field);

    [Fact]
    public void A_declaration_without_a_severity_or_a_signal_is_refused() =>
        Assert.Equal("severity", Incident.None.Refused(new DeclareIncident("i", 1, "Title", "shop", "production", null, null, null, Somebody, Noon)).Field);

    [Fact]
    public void A_decision_stops_the_clock_and_names_who_and_why()
    {
        var decided = Declared().Do(new DecideIncident(Choice.FixForward, "The fix is ready", null, Somebody, Noon.AddMinutes(3)));
        Assert.Equal((Choice.FixForward, "The fix is ready", Somebody, Noon.AddMinutes(3)), (decided.Decision!.Choice, decided.Decision.Reason, decided.Decision.By, decided.DecidedAt));
        Assert.Empty(decided.Pass(60));
        Assert.Equal("reason", Declared().Refused(new DecideIncident(Choice.RollBack, " ", null, Somebody, Noon)).Field);
        Assert.Equal(RefusalKind.Conflict, decided.Refused(new DecideIncident(Choice.FixForward, "again", null, Somebody, Noon)).Kind);
        Assert.Equal(Choice.RollBack, decided.Do(new DecideIncident(Choice.RollBack, "The fix failed", null, Somebody, Noon.AddMinutes(9))).Decision!.Choice);
    }

    [Fact]
    public void A_hold_lets_the_clock_run_again_for_its_length()
    {
        var held = Declared().Do(new DecideIncident(Choice.Hold, "The vendor looks", TimeSpan.FromMinutes(10), Somebody, Noon.AddMinutes(14)));
        Assert.Null(held.DecidedAt);
        Assert.Equal(Noon.AddMinutes(24), held.DecideBy);
        Assert.Empty(held.Pass(23));
        Assert.IsType<DecisionOverdue>(held.Pass(24)[0]);
        Assert.Equal("hold", Declared().Refused(new DecideIncident(Choice.Hold, "long", TimeSpan.FromHours(2), Somebody, Noon)).Field);
        Assert.Equal("hold", Declared().Refused(new DecideIncident(Choice.RollBack, "why", TimeSpan.FromMinutes(2), Somebody, Noon)).Field);
    }

    [Fact]
    public void A_new_severity_restarts_the_clock_and_takes_the_decision_back()
    {
        var decided = Declared().Do(new DecideIncident(Choice.RollBack, "why", null, Somebody, Noon.AddMinutes(2)));
        var raised = decided.Do(new Reclassify(null, At(Level.Critical), "Orders are lost", Somebody, Noon.AddMinutes(4)));
        Assert.Equal((Noon.AddMinutes(4), Noon.AddMinutes(9), true), (raised.ClockStartedAt, raised.DecideBy, raised.ClockRuns));
        // Monitoring that finds it worse does not take back the decision to roll back.
        var worse = decided.Do(new Raise(null, At(Level.Critical), "worse", Person.Console, Noon.AddMinutes(4)));
        Assert.Equal((Level.Critical, false), (worse.Severity, worse.ClockRuns));
        Assert.Empty(IncidentDecider.Decide(worse, new Raise(null, At(Level.High), "milder", Person.Console, Noon.AddMinutes(5))).Events);
    }

    [Fact]
    public void Whoever_asks_for_a_run_has_decided()
    {
        var asked = Declared().Do(new LinkRun("r", "plan", "requested", "Asked", Somebody, Noon.AddMinutes(1)));
        Assert.Equal((Choice.RollBack, false), (asked.Decision!.Choice, asked.ClockRuns));
    }

    [Fact]
    public void Levels_are_called_in_their_time_until_somebody_acknowledges()
    {
        var incident = Declared(Level.Low, Calls);
        Assert.Equal(1, incident.LevelReached);
        Assert.Equal(["1/first"], incident.Called);
        Assert.Empty(incident.Pass(14.9));
        Assert.Equal([(1, "second")], Called(incident.Pass(15)));
        var later = incident.Pass(15).Aggregate(incident, Incident.Apply);
        Assert.Equal([(2, "lead")], Called(later.Pass(20)));
        Assert.Equal([(2, "lead"), (3, "")], Called(later.Pass(30)));
        Assert.Empty(later.Do(new Acknowledge(Somebody, Noon.AddMinutes(16))).Pass(59));
        Assert.Contains(later.Pass(55), e => e is EscalationExhausted);
        Assert.Equal(RefusalKind.Conflict, later.Do(new Acknowledge(Somebody, Noon.AddMinutes(16))).Refused(new Acknowledge(Somebody, Noon.AddMinutes(17))).Kind);
    }

    [Fact]
    public void An_overdue_decision_calls_the_next_level_at_once_and_keeps_the_distance_to_the_one_after()
    {
        var acknowledged = Declared(Level.Critical, Calls).Do(new AssignCommander(Somebody, Somebody, Noon.AddMinutes(1)));
        Assert.NotNull(acknowledged.Acknowledged);
        Assert.Empty(acknowledged.Pass(4.9));
        var events = acknowledged.Pass(5);
        Assert.IsType<DecisionOverdue>(events[0]);
        // With the next level come those of the levels before it whose wait it cuts short.
        Assert.Equal([(2, "lead"), (1, "second")], Called(events));
        var overdue = events.Aggregate(acknowledged, Incident.Apply);
        Assert.Null(overdue.Acknowledged);
        Assert.Empty(overdue.Pass(9));
        Assert.Equal([(3, "")], Called(overdue.Pass(20)).Where(c => c.Level == 3));
    }

    [Fact]
    public void Nothing_is_called_once_it_is_over()
    {
        var resolved = Declared(Level.Critical, Calls).Do(new ResolveIncident("", Somebody, Noon.AddMinutes(1)));
        Assert.Empty(resolved.Pass(600));
        Assert.Null(resolved.NextDue);
        Assert.Equal(RefusalKind.Conflict, resolved.Refused(new Acknowledge(Somebody, Noon)).Kind);
    }

    [Fact]
    public void The_next_answer_is_recommended_when_its_time_comes_with_the_symptom_still_there()
    {
        var leak = new FiredRule("registry-symptoms", "memory-leak", "Memory leaks", Level.High, RollbackLevel: 1, Then: new NextLevel(2, TimeSpan.FromMinutes(10)));
        var incident = Declared(Level.High, null, leak);
        Assert.Equal((1, 2, Noon.AddMinutes(10)), (incident.RollbackLevel, incident.ThenLevel, incident.ThenAt));
        Assert.Empty(incident.Pass(9.9, symptom: true));
        Assert.Equal(2, incident.Pass(10, symptom: true).OfType<LevelMoved>().Single().To);
        Assert.IsType<LevelKept>(incident.Pass(10, symptom: false).Single());
        // What a person saw is there until a person says that it is gone.
        var seen = Incident.None.Do(new DeclareIncident("i", 1, "Title", "shop", "production", SignalSet.None.And("memoryLeak"), At(Level.High, leak), null, Somebody, Noon));
        Assert.IsType<LevelMoved>(seen.Pass(10).Single());
        Assert.IsType<LevelKept>(seen.Do(new MarkSymptomGone("Flat since noon", Somebody, Noon.AddMinutes(5))).Pass(10).Single());
    }

    [Fact]
    public void Alerts_are_told_once_whatever_is_repeated_replayed_or_late()
    {
        var incident = Declared();
        Assert.Equal(["fired"], Told(ref incident, [Alert("a")]));
        Assert.Empty(Told(ref incident, [Alert("a"), Alert("a")]));
        Assert.Equal(["resolved"], Told(ref incident, [Alert("a", firing: false)]));
        Assert.Empty(Told(ref incident, [Alert("a")]));
        Assert.Equal(["fired"], Told(ref incident, [Alert("a", startsAt: 5)]));
        Assert.Empty(Told(ref incident, [Alert("a", firing: false)]));
        Assert.Empty(Told(ref incident, [Alert("b", firing: false)]));
        // It began and ended while it waited: both are told.
        var both = IncidentDecider.Decide(incident, new TakeAlerts([Alert("c", firing: false)], new HashSet<string>(StringComparer.Ordinal) { "c" }, Noon)).Events;
        Assert.Equal([typeof(AlertFired), typeof(AlertResolved)], both.Select(e => e.GetType()));
    }

    [Fact]
    public void A_flapping_alert_becomes_quiet_and_many_alerts_stay_bounded()
    {
        var incident = Declared();
        var told = new List<string>();
        for (var n = 0; n < 50; n++)
        {
            told.AddRange(Told(ref incident, [Alert("a", startsAt: n * 0.1)], n * 0.1));
            told.AddRange(Told(ref incident, [Alert("a", firing: false, startsAt: n * 0.1)], (n * 0.1) + 0.05));
        }
        Assert.Equal(["fired", "resolved", "fired", "resolved", "fired", "flapping"], told);
        Assert.Equal(["fired"], Told(ref incident, [Alert("a", startsAt: 30)], 30));
        Assert.Equal(IncidentDecider.MostAlerts - 1, Told(ref incident, [.. Enumerable.Range(0, 10_000).Select(n => Alert($"x{n}"))]).Count);
    }

    [Fact]
    public void A_flapping_alert_is_told_again_once_it_is_steady()
    {
        var incident = Declared();
        for (var n = 0; n < 3; n++) Told(ref incident, [Alert("a", startsAt: n)], n);
        Assert.True(incident.Alerts["a"].Flapping);
        Assert.Empty(Told(ref incident, [Alert("a", firing: false, startsAt: 2)], 3));
        Assert.Equal(Noon.AddMinutes(12), incident.Do(new DecideIncident(Choice.FixForward, "r", null, Somebody, Noon)).NextDue);
        var steady = Assert.IsType<AlertSteady>(incident.Pass(12).Single());
        Assert.False(steady.Firing);
        incident = Incident.Apply(incident, steady);
        Assert.Equal((false, false), (incident.Alerts["a"].Flapping, incident.Alerts["a"].Alert.Firing));
        Assert.Equal(["fired"], Told(ref incident, [Alert("a", startsAt: 20)], 20));
    }

    [Fact]
    public void A_sender_whose_clock_is_wrong_does_not_fire_with_every_repeat()
    {
        var incident = Declared();
        Assert.Equal(["fired"], Told(ref incident, [Alert("a") with { StartAssumed = true }]));
        Assert.Empty(Told(ref incident, [Alert("a", startsAt: 5) with { StartAssumed = true }], 5));
        Assert.Equal(["resolved"], Told(ref incident, [Alert("a", firing: false, startsAt: 6) with { StartAssumed = true }], 6));
    }

    [Fact]
    public void A_person_s_milder_word_stands_until_monitoring_says_something_worse()
    {
        var incident = Incident.None.Do(new DeclareIncident("i", 1, "T", "shop", "production", null, At(Level.High), null, Person.Console, Noon));
        var milder = incident.Do(new Reclassify(null, At(Level.Medium), "Only a test tenant", Somebody, Noon.AddMinutes(1))).Do(new DecideIncident(Choice.FixForward, "r", null, Somebody, Noon.AddMinutes(2)));
        Assert.Empty(IncidentDecider.Decide(milder, new Raise(null, At(Level.High), "again", Person.Console, Noon.AddMinutes(3))).Events);
        Assert.Equal(Level.Critical, milder.Do(new Raise(null, At(Level.Critical), "worse", Person.Console, Noon.AddMinutes(3))).Severity);
        Assert.Equal(Level.High, Declared(Level.Low).Do(new Raise(null, At(Level.High), "worse", Person.Console, Noon.AddMinutes(3))).Severity);
    }

    [Fact]
    public void A_raise_keeps_the_rules_and_the_level_that_waits()
    {
        var leak = new FiredRule("registry-symptoms", "memory-leak", "Memory leaks", Level.High, RollbackLevel: 1, Then: new NextLevel(2, TimeSpan.FromMinutes(10)));
        var raised = Declared(Level.High, null, leak).Do(new Raise(null, At(Level.Critical, new FiredRule("alerts", "Down", "down", Level.Critical)), "worse", Person.Console, Noon.AddMinutes(5)));
        Assert.Equal((1, 2, Noon.AddMinutes(10)), (raised.RollbackLevel, raised.ThenLevel, raised.ThenAt));
        Assert.Equal(["Down", "memory-leak"], raised.Rules.Select(r => r.Rule));
        Assert.Equal(2, raised.Pass(10, symptom: true).OfType<LevelMoved>().Single().To);
    }

    [Fact]
    public void An_overdue_call_never_ends_at_a_level_that_reaches_nobody()
    {
        var incident = Declared(Level.Low, Calls);
        incident = incident.Pass(30).Aggregate(incident, Incident.Apply);
        Assert.Equal(3, incident.LevelReached);
        Assert.Equal([(3, ""), (2, "lead")], Called(incident.Pass(60)).Take(2));
    }

    [Fact]
    public void A_rejected_run_opens_the_decision_again_and_the_console_s_own_request_never_closes_it()
    {
        var automatic = Declared(Level.High, Calls).Do(new LinkRun("r", "p", "requested", "s", Person.Console, Noon.AddMinutes(1)));
        Assert.True(automatic.ClockRuns);
        Assert.Null(automatic.Acknowledged);
        var asked = automatic.Do(new LinkRun("r2", "p", "requested", "s", Somebody, Noon.AddMinutes(2)));
        Assert.Equal((false, Somebody), (asked.ClockRuns, asked.Acknowledged!.By));
        var rejected = asked.Do(new LinkRun("r2", "p", "rejected", "s", Somebody, Noon.AddMinutes(4)));
        Assert.Equal((true, Noon.AddMinutes(19)), (rejected.ClockRuns, rejected.DecideBy));
        // A hold after it has its own end.
        var held = asked.Do(new DecideIncident(Choice.Hold, "r", TimeSpan.FromMinutes(5), Somebody, Noon.AddMinutes(3)));
        Assert.Equal(Noon.AddMinutes(8), held.Do(new LinkRun("r2", "p", "rejected", "s", Somebody, Noon.AddMinutes(4))).DecideBy);
        // A decision that was taken in words stands, whatever happens to one plan.
        var said = asked.Do(new DecideIncident(Choice.FixForward, "r", null, Somebody, Noon.AddMinutes(3)));
        Assert.False(said.Do(new LinkRun("r2", "p", "rejected", "s", Somebody, Noon.AddMinutes(4))).ClockRuns);
    }

    [Fact]
    public void A_hold_without_a_length_takes_the_severity_s_own_time()
    {
        var held = Declared().Do(new DecideIncident(Choice.Hold, "r", TimeSpan.FromMinutes(1), Somebody, Noon)).Do(new DecideIncident(Choice.Hold, "r", null, Somebody, Noon.AddMinutes(1)));
        Assert.Equal(Noon.AddMinutes(16), held.DecideBy);
    }

    [Fact]
    public void Roles_pins_and_items_say_what_they_refuse()
    {
        var incident = Declared(Level.High, Calls);
        var scribe = incident.Do(new AssignRole(IncidentRole.Scribe, Somebody, Somebody, Noon));
        Assert.Equal(RefusalKind.Conflict, scribe.Refused(new AssignRole(IncidentRole.Scribe, Somebody, Somebody, Noon)).Kind);
        Assert.Empty(scribe.Do(new AssignRole(IncidentRole.Scribe, null, Somebody, Noon)).Roles);
        var pinned = incident.Do(new PinRow(7, true, Somebody, Noon));
        Assert.Equal(RefusalKind.Conflict, pinned.Refused(new PinRow(7, true, Somebody, Noon)).Kind);
        Assert.Empty(pinned.Do(new PinRow(7, false, Somebody, Noon)).Pins);
        var done = incident.Do(new CheckItem(ItemList.Milestone, "assess", "", Somebody, Noon));
        Assert.Equal(RefusalKind.Conflict, done.Refused(new CheckItem(ItemList.Milestone, "assess", "", Somebody, Noon)).Kind);
        Assert.Equal("item", incident.Refused(new CheckItem(ItemList.Evidence, "assess", "", Somebody, Noon)).Field);
        // The retrospective is due a day later, when the incident is long closed.
        var closed = incident.Do(new ResolveIncident("", Somebody, Noon)).Do(new CloseIncident(Somebody, Noon));
        Assert.Single(closed.Do(new CheckItem(ItemList.Milestone, "assess", "", Somebody, Noon)).Done);
    }

    private static List<(int Level, string Contacts)> Called(IEnumerable<IEvent> events) => [.. events.OfType<IncidentEscalated>().Select(e => (e.Level, string.Join(",", e.Calls.Select(c => c.Id))))];

    private static List<string> Told(ref Incident incident, Alert[] alerts, double minutes = 0)
    {
        var fired = alerts.Where(a => a.Firing).Select(a => a.Fingerprint).ToHashSet(StringComparer.Ordinal);
        var events = IncidentDecider.Decide(incident, new TakeAlerts(alerts, fired, Noon.AddMinutes(minutes))).Events;
        incident = events.Aggregate(incident, Incident.Apply);
        return [.. events.Select(e => EventKinds.KindOf(e)["incident.alert.".Length..])];
    }
}
