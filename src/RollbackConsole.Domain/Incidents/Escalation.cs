namespace RollbackConsole.Domain.Incidents;

/// <summary>Whom to call, and how.</summary>
/// <param name="After">The contact's own wait, from the start of the escalation; zero is at once.</param>
/// <param name="Channel">A channel from the settings, such as <c>webhook</c>; null for somebody who can only be looked up.</param>
/// <param name="Address">What the channel needs to reach the person: a handle, a number.</param>
public sealed record EscalationContact(string Id, string Title, TimeSpan After, string? Channel, string? Address)
{
    public bool Reachable => !string.IsNullOrEmpty(Channel);
}

/// <param name="Until">From the start of the escalation; when it has passed without an acknowledgement, the next level is called.</param>
/// <summary>What kind of rollback people of a level may order (mission row S2.13).</summary>
public enum RollbackAuthority { Standard, Complex }

/// <param name="Authority">What people of this level may order, in words.</param>
/// <param name="Group">The accounts that belong to this level; null when the console does not know them, and then holds nobody to it.</param>
/// <param name="May">The authority as policies ask for it.</param>
public sealed record EscalationLevel(int Number, string Name, string Responder, TimeSpan Until, string Authority, IReadOnlyList<EscalationContact> Contacts,
    string? Group = null, RollbackAuthority May = RollbackAuthority.Complex);

/// <summary>Something that is due at a time of the incident: tell, gather, validate.</summary>
/// <param name="At">From the declaration.</param>
/// <param name="Only">The severities that it is due for; empty means all.</param>
public sealed record Milestone(string Id, string Title, TimeSpan At, IReadOnlyList<Severity.Level> Only);

/// <summary>A piece of evidence to save before a rollback destroys it.</summary>
public sealed record EvidenceItem(string Id, string Title, string How);

/// <summary>A vendor or a document to look up.</summary>
public sealed record Resource(string Title, string Kind, string Where);

/// <summary>Who is called when, what is due when, and what is to be saved first.</summary>
public sealed record Escalation(
    string Name, string Title, string Source, IReadOnlyList<EscalationLevel> Levels, IReadOnlyList<Milestone> Milestones, IReadOnlyList<EvidenceItem> Evidence, IReadOnlyList<Resource> Resources)
{
    /// <summary>The escalation of services that name none.</summary>
    public const string Standard = "standard";

    /// <summary>When a contact of a level is called, from the start: the level must have been reached and the contact's own wait be over.</summary>
    public TimeSpan CalledAt(EscalationLevel level, EscalationContact contact)
    {
        var reached = ReachedAt(level);
        return contact.After > reached ? contact.After : reached;
    }

    /// <summary>When a level is reached by waiting: at the end of the one before.</summary>
    public TimeSpan ReachedAt(EscalationLevel level) => level.Number <= 1 ? TimeSpan.Zero : Levels[level.Number - 2].Until;
}
