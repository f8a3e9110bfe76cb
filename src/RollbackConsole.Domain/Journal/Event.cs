using System.Text.Json.Serialization;

namespace RollbackConsole.Domain.Journal;

/// <summary>Something that happened. Past tense; immutable; stored for ever under its <see cref="EventKindAttribute"/>.</summary>
public interface IEvent;

/// <summary>The stable name under which an event is journaled. Renaming the CLR type must never change it.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class EventKindAttribute(string kind) : Attribute
{
    /// <summary>For example <c>run.step.finished</c>.</summary>
    public string Kind { get; } = kind;
}

/// <summary>A person or a program that acted, as the journal remembers it.</summary>
/// <param name="Id">Account or token id; <c>system</c> for the console itself.</param>
/// <param name="Name">The name to show; roles and groups are looked up, never stored here.</param>
public sealed record Person(string Id, string Name)
{
    /// <summary>The address that the act came from; null for the console's own.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? From { get; init; }

    /// <summary>The account behind a token: what a token does, its owner does.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Owner { get; init; }

    /// <summary>Are both the same human being, directly or through a token?</summary>
    public bool IsSameHuman(Person other) => (Owner ?? Id) == (other.Owner ?? other.Id);

    /// <summary>Where somebody sits does not make them another person.</summary>
    public bool Equals(Person? other) => other is not null && Id == other.Id && Name == other.Name;

    public override int GetHashCode() => HashCode.Combine(Id, Name);

    public static readonly Person Console = new("system", "Rollback Console");
}
