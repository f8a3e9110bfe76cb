using FsCheck;
using FsCheck.Fluent;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Severity;
using static RollbackConsole.Domain.Tests.AnIncident;

namespace RollbackConsole.Domain.Tests;

/// <summary>Random lives of incidents under a clock that the test turns: what is due happens, once, and never when it should be quiet.</summary>
public sealed class ClockInvariantTests
{
    [Fact]
    public void What_is_due_happens_once_and_in_its_time() =>
        Prop.ForAll(ArbMap.Default.ArbFor<int[]>(), Check).Check(Config.QuickThrowOnFailure.WithMaxTest(3000).WithStartSize(5).WithEndSize(80));

    [Fact]
    public void The_lives_reach_everything_that_a_clock_can_do()
    {
        var seen = Enumerable.Range(0, 4000).SelectMany(n => Live([.. Enumerable.Range(0, 30).Select(i => unchecked((n * 7919) + (i * 104729) ^ (n >> 2)))])).SelectMany(s => s.Events).Select(e => e.GetType()).ToHashSet();
        Assert.Superset(new HashSet<Type> { typeof(DecisionOverdue), typeof(IncidentEscalated), typeof(EscalationExhausted), typeof(LevelMoved), typeof(LevelKept), typeof(IncidentAcknowledged), typeof(IncidentDecided), typeof(IncidentResolved) }, seen);
    }

    [Fact]
    public void Every_event_goes_through_json_unchanged() =>
        Prop.ForAll(ArbMap.Default.ArbFor<int[]>(), choices =>
        {
            foreach (var e in Live(choices).SelectMany(s => s.Events))
                Assert.Equal(EventKinds.ToJson(e), EventKinds.ToJson(EventKinds.FromJson(EventKinds.KindOf(e), EventKinds.ToJson(e))));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(100).WithEndSize(60));

    private static void Check(int[] choices)
    {
        var overdueOf = new HashSet<DateTimeOffset>();
        var waitedFor = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (before, command, events, after, now) in Live(choices))
        {
            foreach (var e in events)
            {
                switch (e)
                {
                    case DecisionOverdue o:
                        Assert.True(now >= o.DueAt && before.ClockRuns);
                        Assert.True(overdueOf.Add(before.ClockStartedAt), "One clock ran out twice.");
                        break;
                    case IncidentEscalated x:
                        Assert.Equal(IncidentStatus.Open, after.Status);
                        // Called by waiting: nobody had acknowledged, and nobody is called twice for the same wait.
                        if (!events.OfType<DecisionOverdue>().Any())
                        {
                            Assert.Null(before.Acknowledged);
                            foreach (var c in x.Calls) Assert.True(waitedFor.Add($"{before.EscalationFrom:O}/{x.Level}/{c.Id}"), "A contact was called twice by waiting.");
                        }
                        Assert.All(x.Calls, c => Assert.Contains($"{x.Level}/{c.Id}", after.Called));
                        break;
                    case LevelMoved:
                        Assert.True(now >= before.ThenAt);
                        break;
                }
            }
            if (command is not LetTimePass) continue;
            // Time that passed is over: nothing more is due at this moment, and what is due next lies ahead.
            Assert.Empty(IncidentDecider.Decide(after, new LetTimePass(false, new HashSet<string>(StringComparer.Ordinal), now)).Events);
            Assert.True(after.NextDue is null || after.NextDue > now, "A clock stands still.");
            // And nothing came that had not been announced.
            if (events.Count > 0) Assert.True(before.NextDue <= now, "Something happened before it was due.");
            if (before.ClockRuns && before.Status == IncidentStatus.Open && now >= before.DecideBy) Assert.NotNull(after.OverdueAt);
        }
    }

    private static IEnumerable<(Incident Before, IncidentCommand Command, IReadOnlyList<IEvent> Events, Incident After, DateTimeOffset Now)> Live(int[] choices)
    {
        var now = Noon;
        var state = Incident.None;
        var leak = new FiredRule("m", "leak", "leaks", Level.High, RollbackLevel: 1, Then: new NextLevel(2, TimeSpan.FromMinutes(10)));
        IncidentCommand first = new DeclareIncident("i", 1, "Title", "shop", "production", null, At((Level)(choices.Length % 4), leak), Calls, Somebody, now);
        foreach (var command in choices.Select(Next).Prepend(_ => first))
        {
            var c = command(state);
            now = c.At;
            var decision = IncidentDecider.Decide(state, c);
            var after = decision.Events.Aggregate(state, Incident.Apply);
            yield return (state, c, decision.Events, after, now);
            state = after;
        }

        Func<Incident, IncidentCommand> Next(int choice)
        {
            var pick = (uint)choice;
            var step = TimeSpan.FromSeconds(pick / 16 % 1200);
            return _ => (pick % 16) switch
            {
                0 => new Acknowledge(Somebody, now),
                1 => new DecideIncident((Choice)(pick / 16 % 3), "because", null, Somebody, now),
                2 => new Reclassify(null, At((Level)(pick / 16 % 4), leak), "new facts", Somebody, now),
                3 => new Raise(null, At((Level)(pick / 16 % 4), leak), "worse", Person.Console, now),
                4 => new TakeAlerts([Alert($"a{pick / 16 % 3}", pick / 64 % 2 == 0, pick / 16 % 50)], new HashSet<string>(StringComparer.Ordinal), now),
                5 when pick / 16 % 8 == 0 => new ResolveIncident("", Somebody, now),
                6 => new MarkSymptomGone("gone", Somebody, now),
                7 => new LinkRun("r", "p", pick / 16 % 2 == 0 ? "requested" : "finished", "s", Somebody, now),
                8 => new AssignCommander(pick / 16 % 2 == 0 ? Somebody : ARun.Commander.Person, Somebody, now),
                _ => new LetTimePass(pick / 32 % 2 == 0, new HashSet<string>(StringComparer.Ordinal) { $"a{pick / 64 % 3}" }, now + step),
            };
        }
    }
}
