using System.Runtime.CompilerServices;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Domain.Signals;
using RollbackConsole.Engine.Incidents;
using RollbackConsole.Engine.Journal;
using RollbackConsole.Engine.Signals;
using RollbackConsole.Store.Incidents;
using RollbackConsole.Store.Journal;
using RollbackConsole.Tests;

namespace RollbackConsole.Engine.Tests;

public sealed class SignalAndTimelineTests(TestCluster cluster)
{
    [Fact]
    public async Task A_storm_of_bad_readings_opens_one_incident_and_raises_its_severity()
    {
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());
        var intake = node.Get<SignalIntake>();
        for (var n = 0; n < 3; n++) await intake.Take(Node.Commander, Reading(0.2), default);
        await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => intake.Take(Node.Commander, Reading(0.4), default)));
        var incident = Assert.Single(await node.Get<IncidentRows>().List("open", null, 10));
        Assert.Equal(Level.High, incident.Severity);
        await intake.Take(Node.Commander, Reading(0.4) with { Environment = "staging" }, default);
        Assert.Single(await node.Get<IncidentRows>().List("open", null, 10));
    }

    [Fact]
    public async Task What_fires_now_is_what_the_newest_readings_say_and_what_people_saw()
    {
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());
        var incident = await node.Get<IncidentDesk>().Declare(Node.Commander, "Broken", "shop-api", "production", SignalSet.Of(("errorRate", 0.2)).And("minorFeatureBroken"), null);
        var firing = node.Get<FiringNow>();
        Assert.Equal(["minor-feature", "error-rate-10-to-30"], (await firing.On(incident)).Rules.Select(r => r.Rule));
        await node.Get<SignalIntake>().Take(Node.Commander, Reading(0.5), default);
        Assert.Equal(["minor-feature", "error-rate-above-30"], (await firing.On(incident)).Rules.Select(r => r.Rule));
        await node.Get<SignalIntake>().Take(Node.Commander, Reading(0.01), default);
        Assert.Equal(["minor-feature"], (await firing.On(incident)).Rules.Select(r => r.Rule));
    }

    [Fact]
    public async Task A_reading_that_makes_no_sense_is_refused_by_its_field()
    {
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());
        (MetricPoint, string)[] bad =
        [
            (Reading(double.NaN), "value"), (Reading(double.NegativeInfinity), "value"), (Reading(0.1) with { Service = "" }, "service"),
            (Reading(0.1) with { Metric = new string('x', 101) }, "metric"), (Reading(0.1) with { At = TimeProvider.System.GetUtcNow().AddMinutes(6) }, "at"),
        ];
        foreach (var (point, field) in bad)
            Assert.Equal(field, (await Assert.ThrowsAsync<RefusedException>(() => node.Get<SignalIntake>().Take(Node.Commander, point, default))).Refusal.Field);
        Assert.Equal(RefusalKind.Forbidden, (await Assert.ThrowsAsync<RefusedException>(() => node.Get<SignalIntake>().Take(Node.Approver, Reading(0.1), default))).Refusal.Kind);
    }

    [Fact]
    public async Task The_timeline_tells_the_incident_and_its_runs_in_commit_order()
    {
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());
        var run = await node.RequestAndApprove("plan: t\ntitle: T\nsteps: [{id: one, uses: command/run, with: {argv: ['true']}}]");
        await node.Finished(run.Id);
        // The call of the first level goes nowhere here, which is told on its own time.
        await node.Told(run.IncidentId);
        await node.Get<IncidentDesk>().AddNote(Node.Commander, run.IncidentId, "it is over");
        var rows = await node.Get<Timeline>().Read(Node.Commander, run.IncidentId, 0, 500);
        Assert.Equal(rows.Select(r => r.Position).Order(), rows.Select(r => r.Position));
        Assert.Equal(("incident.declared", "incident.note.added"), (rows[0].Kind, rows[^1].Kind));
        Assert.Contains(rows, r => r.Kind == "run.finished" && r.Run == run.Id);
        Assert.Equal(rows.Skip(3).Select(r => r.Position), (await node.Get<Timeline>().Read(Node.Commander, run.IncidentId, rows[2].Position, 500)).Select(r => r.Position));
    }

    [Fact]
    public async Task What_a_list_shows_equals_the_fold_of_the_journal()
    {
        await using var node = await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());
        var run = await node.RequestAndApprove("plan: t\ntitle: T\nsteps: [{id: one, uses: command/run, with: {argv: ['true']}}]");
        await node.Finished(run.Id);
        var folded = (await node.Get<EventJournal>().Load(Streams.Incidents, run.IncidentId)).State;
        var shown = Assert.Single(await node.Get<IncidentRows>().List(null, null, 10));
        Assert.Equal((folded.Severity, folded.Status), (shown.Severity, shown.Status));
        // The database keeps microseconds; the event's text keeps tenths of them.
        Assert.Equal(folded.DecideBy, shown.DecideBy, TimeSpan.FromMicroseconds(1));
        Assert.Equal(folded.DecidedAt!.Value, shown.DecidedAt!.Value, TimeSpan.FromMicroseconds(1));
        var foldedRun = (await node.Get<EventJournal>().Load(Streams.Runs, run.Id)).State;
        var shownRun = Assert.Single(await node.Get<Store.Runs.RunRows>().Recent(10));
        Assert.Equal((foldedRun.Status, foldedRun.Outcome, foldedRun.Summary, 1, foldedRun.Node), (shownRun.Status, shownRun.Outcome, shownRun.Summary, shownRun.StepsDone, shownRun.Node));
    }

    [Fact]
    public void Every_kind_of_event_has_a_sentence()
    {
        foreach (var type in typeof(IEvent).Assembly.GetTypes().Where(t => t is { IsClass: true, IsAbstract: false } && typeof(IEvent).IsAssignableFrom(t)))
        {
            try
            {
                Timeline.Describe((IEvent)RuntimeHelpers.GetUninitializedObject(type));
            }
            catch (NullReferenceException)
            {
                // The sentence is there; this event has no content to fill it with.
            }
            catch (ArgumentNullException)
            {
                // The same, for a list.
            }
        }
    }

    private static MetricPoint Reading(double value) => new("shop-api", "production", "errorRate", value, null, TimeProvider.System.GetUtcNow());
}
