using RollbackConsole.Domain.Runs;

namespace RollbackConsole.Web.Runs;

/// <summary>Where a step stands in the drawing: its column is the longest way to it, its row the first free one there.</summary>
public sealed record StepPlace(StepState Step, int Column, int Row);

/// <summary>Lays out a run's steps as a graph that reads from left to right.</summary>
public sealed record StepLayout(IReadOnlyList<StepPlace> Places, IReadOnlyList<(StepPlace From, StepPlace To)> Edges)
{
    public int Columns => Places.Count == 0 ? 0 : Places.Max(p => p.Column) + 1;

    public int Rows => Places.Count == 0 ? 0 : Places.Max(p => p.Row) + 1;

    public static StepLayout Of(IReadOnlyList<StepState> steps)
    {
        var depth = new Dictionary<string, int>(StringComparer.Ordinal);
        // Needs never form a circle (the reader refuses one), so this settles after as many rounds as the longest chain has links.
        for (var changed = true; changed;)
        {
            changed = false;
            foreach (var s in steps)
            {
                var d = s.Step.Needs.Select(n => depth.GetValueOrDefault(n) + 1).DefaultIfEmpty(0).Max();
                if (depth.TryGetValue(s.Step.Id, out var was) && was == d) continue;
                depth[s.Step.Id] = d;
                changed = true;
            }
        }
        var used = new Dictionary<int, int>();
        var places = steps.Select(s =>
        {
            var column = depth[s.Step.Id];
            var row = used.GetValueOrDefault(column);
            used[column] = row + 1;
            return new StepPlace(s, column, row);
        }).ToList();
        var byId = places.ToDictionary(p => p.Step.Step.Id, StringComparer.Ordinal);
        // A check needs every step; drawing each of those lines would hide the rest.
        var edges = places.SelectMany(p => p.Step.Step.Needs.Where(n => !p.Step.IsCheck || byId[n].Column == p.Column - 1).Select(n => (byId[n], p))).ToList();
        return new StepLayout(places, edges);
    }
}
