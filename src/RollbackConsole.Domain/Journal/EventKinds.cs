using System.Collections.Frozen;
using System.Reflection;
using System.Text.Json;

namespace RollbackConsole.Domain.Journal;

/// <summary>Maps each event's stable kind to its record and back, and carries it as JSON.</summary>
public static class EventKinds
{
    private static readonly FrozenDictionary<string, Type> Types = typeof(IEvent).Assembly.GetTypes()
        .Where(t => t is { IsClass: true, IsAbstract: false } && typeof(IEvent).IsAssignableFrom(t))
        .ToFrozenDictionary(t => t.GetCustomAttribute<EventKindAttribute>()?.Kind
            ?? throw new InvalidOperationException($"{t.Name} has no [EventKind]."), StringComparer.Ordinal);

    private static readonly FrozenDictionary<Type, string> Kinds = Types.ToFrozenDictionary(p => p.Value, p => p.Key);

    public static IEnumerable<string> All => Types.Keys;

    public static string KindOf(IEvent e) => Kinds[e.GetType()];

    public static string ToJson(IEvent e) => JsonSerializer.Serialize(e, e.GetType(), DomainJson.Options);

    /// <exception cref="UnknownEventKindException">The journal holds a kind that this version does not know:
    /// folding on without it would show a state that never was.</exception>
    public static IEvent FromJson(string kind, string json)
    {
        if (!Types.TryGetValue(kind, out var type)) throw new UnknownEventKindException(kind);
        return (IEvent)(JsonSerializer.Deserialize(json, type, DomainJson.Options)
            ?? throw new JsonException($"The event {kind} is empty."));
    }
}

/// <summary>A journal row of a kind that this version of the console does not know.</summary>
public sealed class UnknownEventKindException(string kind)
    : Exception($"The journal holds an event of the unknown kind '{kind}'. Was it written by a newer version?");
