using System.Collections.Immutable;

namespace RollbackConsole.Web.Journal;

/// <summary>Who looks at which incident on this node, one entry for each connection.</summary>
public sealed class Presence
{
    private ImmutableDictionary<string, ImmutableList<(string Connection, string Name)>> _here = ImmutableDictionary<string, ImmutableList<(string, string)>>.Empty;

    public IReadOnlyList<string> Join(string incident, string connection, string name) =>
        Change(incident, list => list.RemoveAll(x => x.Connection == connection).Add((connection, name)));

    public IReadOnlyList<string> Leave(string incident, string connection) => Change(incident, list => list.RemoveAll(x => x.Connection == connection));

    private List<string> Change(string incident, Func<ImmutableList<(string Connection, string Name)>, ImmutableList<(string, string)>> change)
    {
        ImmutableInterlocked.Update(ref _here, here =>
        {
            var next = change(here.GetValueOrDefault(incident, []));
            return next.IsEmpty ? here.Remove(incident) : here.SetItem(incident, next);
        });
        return [.. _here.GetValueOrDefault(incident, []).Select(x => x.Name).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
    }
}
