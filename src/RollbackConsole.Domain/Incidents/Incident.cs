using System.Collections.Immutable;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Domain.Signals;

namespace RollbackConsole.Domain.Incidents;

public enum IncidentStatus { Open, Resolved, Closed }

/// <summary>What people decided to do.</summary>
public enum Choice
{
    RollBack,
    FixForward,
    /// <summary>Not yet: the clock runs again, and the reason is on record.</summary>
    Hold,
}

/// <summary>Roles beside the commander.</summary>
public enum IncidentRole
{
    /// <summary>Steps in for the commander.</summary>
    Deputy,
    /// <summary>Keeps the timeline.</summary>
    Scribe,
    /// <summary>Talks to stakeholders and customers.</summary>
    Liaison,
}

/// <summary>Lists that people work through.</summary>
public enum ItemList { Evidence, Milestone }

/// <summary>What the incident knows of one alert.</summary>
/// <param name="Fires">How often it began to fire since <paramref name="Since"/>.</param>
public sealed record KnownAlert(Alert Alert, int Fires, DateTimeOffset Since, bool Flapping, DateTimeOffset ChangedAt);

/// <summary>The review of a run that was started without approval.</summary>
public sealed record Review(ReviewDue Due, int Reminders, DateTimeOffset? RemindedAt, ReviewDone? Done)
{
    /// <summary>Long enough to be answered, short enough not to be forgotten.</summary>
    public static readonly TimeSpan RemindEvery = TimeSpan.FromHours(4);

    public DateTimeOffset? NextReminder => Done is not null ? null : RemindedAt is { } last ? last + RemindEvery : Due.DueAt;
}

/// <summary>An incident as its events tell it.</summary>
public sealed record Incident
{
    public static readonly Incident None = new();

    public string Id { get; init; } = "";
    public int Number { get; init; }
    public string Title { get; init; } = "";
    public string Service { get; init; } = "";
    public string Environment { get; init; } = "";
    public IncidentStatus Status { get; init; }
    public Person? DeclaredBy { get; init; }
    public DateTimeOffset DeclaredAt { get; init; }
    public DateTimeOffset? ResolvedAt { get; init; }

    public Level Severity { get; init; }
    public Advice Action { get; init; }
    public IReadOnlyList<FiredRule> Rules { get; init; } = [];

    /// <summary>The worst that monitoring has said; a person's milder word stands until monitoring says something worse than this.</summary>
    public Level? MonitoringSaid { get; init; }

    /// <summary>A person set the present severity.</summary>
    public bool ByPerson { get; init; }

    /// <summary>A person saw the symptom with their own eyes: it is there until a person says that it is gone.</summary>
    public bool SeenByPerson { get; init; }

    /// <summary>The severity's own time to decide.</summary>
    public TimeSpan DecideWithin { get; init; }

    /// <summary>When the clock that runs now was started: by the declaration, a new severity, or a hold.</summary>
    public DateTimeOffset ClockStartedAt { get; init; }
    public DateTimeOffset DecideBy { get; init; }

    /// <summary>When a decision other than to hold was taken: the clock stops here.</summary>
    public DateTimeOffset? DecidedAt { get; init; }
    public IncidentDecided? Decision { get; init; }
    public DateTimeOffset? OverdueAt { get; init; }

    /// <summary>The run whose request was taken for the decision; when it is rejected, the decision is open again.</summary>
    public string? DecidingRun { get; init; }

    public Escalation? Escalation { get; init; }

    /// <summary>What the waits of the escalation count from. An overdue decision moves it, so that the levels after the one it called keep their distance.</summary>
    public DateTimeOffset EscalationFrom { get; init; }
    public int LevelReached { get; init; }
    public ImmutableHashSet<string> Called { get; init; } = [];
    public bool Exhausted { get; init; }
    public IncidentAcknowledged? Acknowledged { get; init; }

    /// <summary>The rollback level that the symptom asks for: 1 feature flag, 2 version, 3 hotfix.</summary>
    public int? RollbackLevel { get; init; }
    public int? ThenLevel { get; init; }
    public DateTimeOffset? ThenAt { get; init; }
    public DateTimeOffset? SymptomGoneAt { get; init; }

    public ImmutableDictionary<string, KnownAlert> Alerts { get; init; } = ImmutableDictionary<string, KnownAlert>.Empty;
    public Person? Commander { get; init; }
    public ImmutableDictionary<IncidentRole, Person> Roles { get; init; } = ImmutableDictionary<IncidentRole, Person>.Empty;
    public ImmutableSortedSet<long> Pins { get; init; } = [];
    public ImmutableDictionary<(ItemList List, string Item), ItemDone> Done { get; init; } = ImmutableDictionary<(ItemList, string), ItemDone>.Empty;

    public ImmutableDictionary<string, Review> Reviews { get; init; } = ImmutableDictionary<string, Review>.Empty;

    public bool Exists => Id.Length > 0;

    public bool ClockRuns => Status == IncidentStatus.Open && DecidedAt is null;

    /// <summary>Has this contact been called as one of this level?</summary>
    public bool WasCalled(EscalationLevel level, EscalationContact contact) => Called.Contains(IncidentClock.CallKey(level.Number, contact));

    /// <summary>When something is due without anybody doing anything; null when nothing is.</summary>
    public DateTimeOffset? NextDue => IncidentClock.NextDue(this);

    public static Incident Apply(Incident state, IEvent e) => e switch
    {
        IncidentDeclared d => state with
        {
            Id = d.Id,
            Number = d.Number,
            Title = d.Title,
            Service = d.Service,
            Environment = d.Environment,
            Status = IncidentStatus.Open,
            DeclaredBy = d.By,
            DeclaredAt = d.At,
        },
        IncidentClassified c => state.Classified(c),
        IncidentDecided { Choice: Choice.Hold } d => state with { Decision = d, DecidedAt = null, ClockStartedAt = d.At, DecideBy = d.HoldUntil!.Value, OverdueAt = null, DecidingRun = null },
        IncidentDecided d => state with { Decision = d, DecidedAt = d.At, DecidingRun = null },
        DecisionOverdue o => state with { OverdueAt = o.At, Acknowledged = null },
        EscalationStarted s => state with { Escalation = s.Escalation, EscalationFrom = s.At },
        IncidentEscalated x => state.Escalated(x),
        EscalationExhausted => state with { Exhausted = true },
        IncidentAcknowledged a => state with { Acknowledged = a },
        AlertFired f => state with { Alerts = state.Alerts.SetItem(f.Alert.Fingerprint, Fired(state.Alerts.GetValueOrDefault(f.Alert.Fingerprint), f)), SymptomGoneAt = null },
        AlertResolved r => state with { Alerts = state.Alerts.SetItem(r.Fingerprint, state.Alerts[r.Fingerprint] with { Alert = state.Alerts[r.Fingerprint].Alert with { Firing = false, EndsAt = r.EndedAt }, ChangedAt = r.At }) },
        AlertFlapping f => state with { Alerts = state.Alerts.SetItem(f.Fingerprint, state.Alerts[f.Fingerprint] with { Flapping = true }) },
        LevelMoved m => state with { RollbackLevel = m.To, ThenLevel = null, ThenAt = null },
        LevelKept => state with { ThenLevel = null, ThenAt = null },
        AlertSteady a => state with { Alerts = state.Alerts.SetItem(a.Fingerprint, state.Alerts[a.Fingerprint] with { Alert = state.Alerts[a.Fingerprint].Alert with { Firing = a.Firing }, Fires = 1, Since = a.At, Flapping = false, ChangedAt = a.At }) },
        SymptomGone g => state with { SymptomGoneAt = g.At, SeenByPerson = false },
        CommanderAssigned c => state with { Commander = c.Commander },
        RoleAssigned { Holder: { } holder } r => state with { Roles = state.Roles.SetItem(r.Role, holder) },
        RoleAssigned r => state with { Roles = state.Roles.Remove(r.Role) },
        RowPinned p => state with { Pins = p.Pinned ? state.Pins.Add(p.Position) : state.Pins.Remove(p.Position) },
        ItemDone i => state with { Done = state.Done.SetItem((i.List, i.Item), i) },
        // Whoever asks for a run has decided; the console's own request waits for a person.
        RunLinked { Kind: "requested" } r when r.By != Person.Console && (state.Decision?.Choice != Choice.RollBack || state.DecidedAt is null) =>
            state with { DecidedAt = r.At, DecidingRun = r.RunId, Decision = new IncidentDecided(Choice.RollBack, r.Summary, null, r.By, r.At) },
        RunLinked { Kind: "rejected" or "expired" or "aborted" } r when r.RunId == state.DecidingRun =>
            state with { DecidedAt = null, DecidingRun = null, Decision = null, OverdueAt = null, ClockStartedAt = r.At, DecideBy = r.At + state.DecideWithin },
        ReviewDue r => state with { Reviews = state.Reviews.SetItem(r.RunId, new Review(r, 0, null, null)) },
        ReviewReminded r => state with { Reviews = state.Reviews.SetItem(r.RunId, state.Reviews[r.RunId] with { Reminders = r.Reminder, RemindedAt = r.At }) },
        ReviewDone r => state with { Reviews = state.Reviews.SetItem(r.RunId, state.Reviews[r.RunId] with { Done = r }) },
        IncidentResolved r => state with { Status = IncidentStatus.Resolved, ResolvedAt = r.At },
        IncidentClosed => state with { Status = IncidentStatus.Closed },
        NoteAdded or RunLinked or ContactTold or ContactMissed => state,
        _ => throw new InvalidOperationException($"{e.GetType().Name} does not belong to an incident."),
    };

    private Incident Classified(IncidentClassified c)
    {
        var leveled = c.Rules.FirstOrDefault(r => r.RollbackLevel is not null);
        // A severity without a level of its own leaves the answer that was recommended, and monitoring never goes back to an earlier one.
        var keeps = leveled is null || (c.By == Person.Console && RollbackLevel >= leveled.RollbackLevel);
        // Monitoring that finds it even worse does not take back the decision to roll back; a person's new severity does.
        var stands = c.By == Person.Console && DecidedAt is not null && Decision?.Choice == Choice.RollBack;
        return this with
        {
            Severity = c.Severity,
            Action = c.Action,
            DecideBy = c.DecideBy,
            DecideWithin = c.DecideBy - c.At,
            MonitoringSaid = c.By == Person.Console && !(MonitoringSaid < c.Severity) ? c.Severity : MonitoringSaid,
            ByPerson = c.By != Person.Console,
            SeenByPerson = SeenByPerson || (c.By != Person.Console && c.Signals is { Any: true }),
            ClockStartedAt = c.At,
            Rules = c.Rules.Count == 0 && c.Signals is null ? Rules : c.Rules,
            DecidedAt = stands ? DecidedAt : null,
            Decision = stands ? Decision : null,
            OverdueAt = null,
            DecidingRun = stands ? DecidingRun : null,
            RollbackLevel = keeps ? RollbackLevel : leveled!.RollbackLevel,
            ThenLevel = keeps ? ThenLevel : leveled!.Then?.Level,
            ThenAt = keeps ? ThenAt : leveled!.Then is { } then ? c.At + then.After : null,
        };
    }

    private Incident Escalated(IncidentEscalated x) => this with
    {
        LevelReached = Math.Max(LevelReached, x.Level),
        Called = Called.Union(x.Calls.Select(c => IncidentClock.CallKey(x.Level, c))),
        EscalationFrom = OverdueAt == x.At && x.Level >= LevelReached && Escalation!.Levels.FirstOrDefault(l => l.Number == x.Level) is { } level ? x.At - Escalation.ReachedAt(level) : EscalationFrom,
    };

    private static KnownAlert Fired(KnownAlert? known, AlertFired f) =>
        // What was quiet for long enough starts to be counted anew.
        known is null || f.At - known.ChangedAt > IncidentDecider.FlapWindow ? new(f.Alert, 1, f.At, false, f.At)
            : known with { Alert = f.Alert, Fires = known.Fires + 1, ChangedAt = f.At };
}
