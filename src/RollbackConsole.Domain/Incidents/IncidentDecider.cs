using System.Collections.Frozen;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Severity;

namespace RollbackConsole.Domain.Incidents;

/// <summary>Which command is legal in which state of an incident, and what it makes happen.</summary>
public static class IncidentDecider
{
    /// <summary>Characters; a title is read at a glance.</summary>
    public const int LongestTitle = 200;

    /// <summary>Characters; longer evidence belongs into an attachment.</summary>
    public const int LongestNote = 8000;

    /// <summary>Characters in a service or environment name.</summary>
    public const int LongestName = 100;

    /// <summary>Alerts that one incident tells in its timeline; more are counted, because nobody reads a thousand.</summary>
    public const int MostAlerts = 100;

    /// <summary>Rows that one incident pins: more would be a second timeline.</summary>
    public const int MostPins = 20;

    /// <summary>An alert that begins this often within <see cref="FlapWindow"/> flaps.</summary>
    public const int FlapFires = 3;

    /// <summary>A flapping alert is quiet in the timeline until it kept one state for this long.</summary>
    public static readonly TimeSpan FlapWindow = TimeSpan.FromMinutes(10);

    /// <summary>A hold is a short wait with a reason, not a way around the clock.</summary>
    public static readonly TimeSpan LongestHold = TimeSpan.FromHours(1);

    public static Decision Decide(Incident s, IncidentCommand command) => command switch
    {
        DeclareIncident when s.Exists => Decision.Conflict("This incident was declared already."),
        DeclareIncident d => Declare(d),
        _ when !s.Exists => Decision.Refuse(RefusalKind.NotFound, "There is no such incident."),
        LetTimePass t => Decision.Accept(IncidentClock.Due(s, t.SymptomSeen, t.Firing, t.At)),
        LinkRun { Kind: "requested" } when s.Status == IncidentStatus.Closed => Decision.Conflict($"Incident {s.Number} is closed; declare a new one."),
        // What was on its way when the incident closed still reports its end into the timeline.
        LinkRun l => Decision.Accept([new RunLinked(l.RunId, l.Plan, l.Kind, l.Summary, l.By, l.At), .. l.Kind == "requested" && l.By != Person.Console ? Here(s, l) : []]),
        ReportDelivery r => Decision.Accept(r.Failure is { } why ? new ContactMissed(r.Delivery, r.Contact, r.Channel, why, r.At) : new ContactTold(r.Delivery, r.Contact, r.Channel, r.Attempts, r.At)),
        CallNextLevel c => Decision.Accept(s.Status == IncidentStatus.Open ? [.. IncidentClock.Next(s, c.Because, c.At)] : []),
        CheckItem c => Check(s, c),
        OweReview o => Decision.Accept(new ReviewDue(o.RunId, o.Plan, o.Reason, o.DueAt, o.By, o.At)),
        ReviewBreakGlass r => Reviewed(s, r),
        CloseIncident when s.Reviews.Values.FirstOrDefault(v => v.Done is null) is { } owed =>
            Decision.Conflict($"'{owed.Due.Plan}' was started without approval by {owed.Due.By.Name}; incident {s.Number} closes after somebody reviewed that."),
        _ when s.Status == IncidentStatus.Closed => Decision.Conflict($"Incident {s.Number} is closed; declare a new one."),
        Reclassify r => Classify(s, r),
        Raise r => r.Classification.Severity < s.Severity && !(s.ByPerson && r.Classification.Severity >= s.MonitoringSaid)
            ? Classify(s, new Reclassify(r.Signals, r.Classification with { Rules = [.. r.Classification.Rules, .. s.Rules.Where(o => !r.Classification.Rules.Any(n => n.Matrix == o.Matrix && n.Rule == o.Rule))] }, r.Reason, r.By, r.At)) : Decision.Accept(),
        // Somebody resolved it meanwhile: whoever brings a new alert has to look again.
        TakeAlerts when s.Status != IncidentStatus.Open => Decision.Conflict($"Incident {s.Number} is not open any more."),
        TakeAlerts t => Decision.Accept(Alerts(s, t)),
        AssignCommander a when a.Commander == s.Commander => Decision.Conflict($"{a.Commander.Name} has command already."),
        AssignCommander a => Decision.Accept([new CommanderAssigned(a.Commander, a.By, a.At), .. Here(s, a)]),
        AssignRole r when s.Roles.GetValueOrDefault(r.Role) == r.Holder => Decision.Conflict(r.Holder is null ? $"Nobody is {Word(r.Role)}." : $"{r.Holder.Name} is {Word(r.Role)} already."),
        AssignRole r => Decision.Accept(new RoleAssigned(r.Role, r.Holder, r.By, r.At)),
        AddNote n => Text(n.Text, LongestNote, "note", "text") ?? Decision.Accept(new NoteAdded(n.Text.Trim(), n.By, n.At)),
        PinRow p when p.Pinned == s.Pins.Contains(p.Position) => Decision.Conflict(p.Pinned ? "This row is pinned already." : "This row is not pinned."),
        PinRow { Pinned: true } when s.Pins.Count >= MostPins => Decision.Conflict($"{MostPins} rows are pinned; unpin one first."),
        PinRow p => Decision.Accept(new RowPinned(p.Position, p.Pinned, p.By, p.At)),
        ResolveIncident when s.Status == IncidentStatus.Resolved => Decision.Conflict($"Incident {s.Number} is resolved already."),
        ResolveIncident r => Decision.Accept(new IncidentResolved(r.Summary, r.By, r.At)),
        CloseIncident when s.Status == IncidentStatus.Open => Decision.Conflict($"Resolve incident {s.Number} before closing it."),
        CloseIncident c => Decision.Accept(new IncidentClosed(c.By, c.At)),
        _ when s.Status == IncidentStatus.Resolved => Decision.Conflict($"Incident {s.Number} is resolved; there is nothing left to decide."),
        DecideIncident d => Choose(s, d),
        Acknowledge when s.Acknowledged is { } by => Decision.Conflict($"{by.By.Name} acknowledged already."),
        Acknowledge a => Decision.Accept(new IncidentAcknowledged(s.LevelReached, a.By, a.At)),
        MarkSymptomGone when s.SymptomGoneAt is not null => Decision.Conflict("The symptom is marked as gone already."),
        MarkSymptomGone g => Text(g.Reason, LongestNote, "reason", "reason") ?? Decision.Accept(new SymptomGone(g.Reason.Trim(), g.By, g.At)),
        _ => throw new InvalidOperationException($"Unknown command {command.GetType().Name}."),
    };

    private static Decision Declare(DeclareIncident d)
    {
        if ((Text(d.Title, LongestTitle, "title", "title") ?? Text(d.Service, LongestName, "service", "service") ?? Text(d.Environment, LongestName, "environment", "environment")) is { } bad) return bad;
        var classified = Classify(Incident.None, new Reclassify(d.Signals, d.Classification, null, d.By, d.At));
        if (classified.Refusal is not null) return classified;
        List<IEvent> events = [new IncidentDeclared(d.Id, d.Number, d.Title.Trim(), d.Service.Trim(), d.Environment.Trim(), d.By, d.At), .. classified.Events];
        if (d.Escalation is not null) events.Add(new EscalationStarted(d.Escalation, d.At));
        // The first level is called in the very same commit.
        events.AddRange(IncidentClock.Due(events.Aggregate(Incident.None, Incident.Apply), symptomSeen: true, FrozenSet<string>.Empty, d.At));
        return Decision.Accept(events);
    }

    private static Decision Classify(Incident s, Reclassify r)
    {
        if (r.Classification is not { } c) return Decision.Refuse(RefusalKind.Invalid, "Give a severity, or at least one signal to find it from.", "severity");
        if (s.Status == IncidentStatus.Resolved) return Decision.Conflict($"Incident {s.Number} is resolved; its severity stands.");
        return Decision.Accept(new IncidentClassified(c.Severity, c.Action, r.At + c.DecideWithin, r.Signals, c.Rules, r.By, r.Reason, r.At));
    }

    private static Decision Choose(Incident s, DecideIncident d)
    {
        if (Text(d.Reason, LongestNote, "reason", "reason") is { } bad) return bad;
        if (d.Choice != Choice.Hold && d.Hold is not null) return Decision.Refuse(RefusalKind.Invalid, "Only a hold has a length.", "hold");
        if (d.Hold is { } hold && (hold <= TimeSpan.Zero || hold > LongestHold))
            return Decision.Refuse(RefusalKind.Invalid, $"A hold lasts up to {Library.Duration.Format(LongestHold)}.", "hold");
        if (d.Choice != Choice.Hold && s.Decision?.Choice == d.Choice && s.DecidedAt is not null) return Decision.Conflict($"{s.Decision.By.Name} decided that already.");
        var length = d.Hold ?? Shorter(s.DecideWithin, LongestHold);
        return Decision.Accept([new IncidentDecided(d.Choice, d.Reason.Trim(), d.Choice == Choice.Hold ? d.At + length : null, d.By, d.At), .. Here(s, d)]);
    }

    /// <summary>Whoever takes command or decides is there: nobody else needs to be called.</summary>
    private static IEnumerable<IEvent> Here(Incident s, IncidentCommand c) =>
        s.Status == IncidentStatus.Open && s.Acknowledged is null && s.LevelReached > 0 ? [new IncidentAcknowledged(s.LevelReached, c.By, c.At)] : [];

    private static Decision Reviewed(Incident s, ReviewBreakGlass r) =>
        !s.Reviews.TryGetValue(r.RunId, out var review) ? Decision.Refuse(RefusalKind.NotFound, "This run needs no review.", "run")
        : review.Done is { } done ? Decision.Conflict($"{done.By.Name} has reviewed it already.")
        : review.Due.By.IsSameHuman(r.By) ? Decision.Refuse(RefusalKind.Forbidden, "Nobody reviews their own decision: another person has to look at it.")
        : Text(r.Findings, LongestNote, "finding", "findings") ?? Decision.Accept(new ReviewDone(r.RunId, r.Findings.Trim(), r.By, r.At));

    private static Decision Check(Incident s, CheckItem c)
    {
        var title = c.List == ItemList.Evidence ? s.Escalation?.Evidence.FirstOrDefault(e => e.Id == c.Item)?.Title : s.Escalation?.Milestones.FirstOrDefault(m => m.Id == c.Item)?.Title;
        if (title is null) return Decision.Refuse(RefusalKind.NotFound, $"This incident has no {(c.List == ItemList.Evidence ? "evidence" : "milestone")} '{c.Item}'.", "item");
        if (c.Text.Length > LongestNote) return Decision.Refuse(RefusalKind.Invalid, $"The text has {c.Text.Length} characters; {LongestNote} are the most.", "text");
        if (c.List == ItemList.Milestone && s.Done.ContainsKey((c.List, c.Item))) return Decision.Conflict($"'{title}' is done already.");
        return Decision.Accept(new ItemDone(c.List, c.Item, title, c.Text.Trim(), c.By, c.At));
    }

    private static List<IEvent> Alerts(Incident s, TakeAlerts t)
    {
        var events = new List<IEvent>();
        var known = s;
        void Happen(IEvent e)
        {
            events.Add(e);
            known = Incident.Apply(known, e);
        }
        foreach (var alert in t.Alerts)
        {
            var before = known.Alerts.GetValueOrDefault(alert.Fingerprint);
            var news = before is null || (alert.StartsAt > before.Alert.StartsAt && !(alert.StartAssumed && before.Alert.Firing));
            var quiet = before is { Flapping: true } && t.At - before.ChangedAt <= FlapWindow;
            if (quiet || (before is null && known.Alerts.Count >= MostAlerts)) continue;
            if (news && (alert.Firing || t.Fired.Contains(alert.Fingerprint)))
            {
                Happen(new AlertFired(alert with { Firing = true, EndsAt = null }, t.At));
                if (known.Alerts[alert.Fingerprint] is { Fires: >= FlapFires, Flapping: false } flaps) Happen(new AlertFlapping(alert.Fingerprint, alert.Name, flaps.Fires, t.At));
            }
            // A late word about an earlier firing does not end the present one.
            if (!alert.Firing && known.Alerts.GetValueOrDefault(alert.Fingerprint) is { Alert.Firing: true, Flapping: false } now && alert.StartsAt >= now.Alert.StartsAt)
                Happen(new AlertResolved(alert.Fingerprint, alert.Name, alert.EndsAt ?? t.At, t.At));
        }
        return events;
    }

    private static Decision? Text(string? text, int longest, string what, string field) =>
        string.IsNullOrWhiteSpace(text) ? Decision.Refuse(RefusalKind.Invalid, $"The {what} is missing.", field)
        : text.Trim().Length > longest ? Decision.Refuse(RefusalKind.Invalid, $"The {what} has {text.Trim().Length} characters; {longest} are the most.", field)
        : null;

    private static TimeSpan Shorter(TimeSpan a, TimeSpan b) => a < b ? a : b;

    private static string Word(IncidentRole role) => role.ToString().ToLowerInvariant();
}
