using RollbackConsole.Domain.Journal;

namespace RollbackConsole.Domain.Incidents;

/// <summary>What happens by the passing of time alone: the decision falls due, the next level is called, the next answer is recommended.
/// Whoever asks, and however often: at one moment everything that is due happens once.</summary>
public static class IncidentClock
{
    /// <param name="symptomSeen">Monitoring still shows the symptom.</param>
    /// <param name="firing">Fingerprints of the alerts that fire now.</param>
    public static IReadOnlyList<IEvent> Due(Incident s, bool symptomSeen, IReadOnlySet<string> firing, DateTimeOffset now)
    {
        if (!s.Exists) return [];
        // A review is owed whatever became of the incident.
        var events = new List<IEvent>();
        var state = s;
        void Happen(IEvent e)
        {
            events.Add(e);
            state = Incident.Apply(state, e);
        }

        foreach (var (run, review) in s.Reviews.OrderBy(r => r.Key, StringComparer.Ordinal))
            if (review.NextReminder <= now) Happen(new ReviewReminded(run, review.Reminders + 1, review.Due.DueAt, now));
        if (s.Status != IncidentStatus.Open) return events;
        if (state.ClockRuns && state.OverdueAt is null && now >= state.DecideBy)
        {
            Happen(new DecisionOverdue(state.DecideBy, now));
            foreach (var call in Next(state, "the time to decide is over", now)) Happen(call);
        }
        foreach (var call in Waited(state, now).ToList()) Happen(call);
        if (state is { Escalation.Levels: [.., var last], Acknowledged: null, Exhausted: false } && now >= state.EscalationFrom + last.Until) Happen(new EscalationExhausted(now));
        if (state is { ThenAt: { } thenAt, ThenLevel: { } next, RollbackLevel: { } level } && now >= thenAt)
            Happen(symptomSeen || state.SeenByPerson
                ? new LevelMoved(level, next, "its time is over and the symptom is still there", now)
                : new LevelKept(level, "the symptom is gone", now));
        foreach (var (fingerprint, known) in state.Alerts.Where(a => a.Value.Flapping && now >= SteadyAt(a.Value)).OrderBy(a => a.Key, StringComparer.Ordinal).ToList())
            Happen(new AlertSteady(fingerprint, known.Alert.Name, firing.Contains(fingerprint), now));
        return events;
    }

    /// <summary>Calls the level above the one that was reached, whatever its time.</summary>
    internal static IEnumerable<IncidentEscalated> Next(Incident s, string because, DateTimeOffset now)
    {
        if (s.Escalation is not { Levels.Count: > 0 } escalation) yield break;
        var called = escalation.Levels[Math.Min(s.LevelReached, escalation.Levels.Count - 1)];
        yield return Call(called, _ => true, because, now);
        // A level that reaches nobody must not be where the call ends.
        if (!called.Contacts.Any(c => c.Reachable) && escalation.Levels.LastOrDefault(l => l.Number < called.Number && l.Contacts.Any(c => c.Reachable)) is { } below)
            yield return Call(below, _ => true, because + " and the next level reaches nobody", now);
    }

    public static DateTimeOffset? NextDue(Incident s)
    {
        var due = new List<DateTimeOffset>(s.Reviews.Values.Select(r => r.NextReminder).OfType<DateTimeOffset>());
        if (!s.Exists || s.Status != IncidentStatus.Open) return due.Count == 0 ? null : due.Min();
        if (s.ClockRuns && s.OverdueAt is null) due.Add(s.DecideBy);
        if (s.ThenAt is { } then) due.Add(then);
        due.AddRange(s.Alerts.Values.Where(a => a.Flapping).Select(SteadyAt));
        if (s is { Escalation: { Levels: [.., var last] } escalation, Acknowledged: null })
        {
            foreach (var level in escalation.Levels)
            {
                if (level.Contacts.Count == 0 && level.Number > s.LevelReached) due.Add(s.EscalationFrom + escalation.ReachedAt(level));
                due.AddRange(level.Contacts.Where(c => !s.WasCalled(level, c)).Select(c => s.EscalationFrom + escalation.CalledAt(level, c)));
            }
            if (!s.Exhausted) due.Add(s.EscalationFrom + last.Until);
        }
        return due.Count == 0 ? null : due.Min();
    }

    private static DateTimeOffset SteadyAt(KnownAlert alert) => alert.ChangedAt + IncidentDecider.FlapWindow;

    internal static string CallKey(int level, EscalationContact contact) => $"{level}/{contact.Id}";

    private static IEnumerable<IncidentEscalated> Waited(Incident s, DateTimeOffset now)
    {
        if (s is not { Escalation: { } escalation, Acknowledged: null }) yield break;
        var waited = now - s.EscalationFrom;
        foreach (var level in escalation.Levels.Where(l => escalation.ReachedAt(l) <= waited))
        {
            var calls = level.Contacts.Where(c => escalation.CalledAt(level, c) <= waited && !s.WasCalled(level, c)).ToList();
            // A level without contacts is told, too: it reaches nobody, and people must see that.
            if (calls.Count > 0 || (level.Contacts.Count == 0 && level.Number > s.LevelReached))
                yield return Call(level, calls.Contains, Because(escalation, level, calls), now);
        }
    }

    private static string Because(Escalation escalation, EscalationLevel level, List<EscalationContact> calls)
    {
        var waited = calls.Count == 0 ? escalation.ReachedAt(level) : calls.Max(c => escalation.CalledAt(level, c));
        return waited == TimeSpan.Zero ? "the incident was declared" : $"nobody acknowledged within {Library.Duration.Format(waited)}";
    }

    private static IncidentEscalated Call(EscalationLevel level, Func<EscalationContact, bool> who, string because, DateTimeOffset now) =>
        new(level.Number, level.Name, level.Responder, level.Authority, [.. level.Contacts.Where(who)], because, now);
}
