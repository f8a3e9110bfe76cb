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
    public static readonly Person Console = new("system", "Rollback Console");
}
