using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Signals;
using RollbackConsole.Engine.Signals;
using RollbackConsole.Store.Incidents;
using RollbackConsole.Store.Runs;
using RollbackConsole.Store.Signals;

namespace RollbackConsole.Engine.Incidents;

/// <summary>What the board shows beyond its rows.</summary>
/// <param name="Rows">What is not closed: open ones first, the worst first.</param>
/// <param name="All">How many there are; <see cref="Rows"/> holds the first.</param>
/// <param name="Worst">The worst open incidents, with what fires now.</param>
public sealed record BoardView(
    IReadOnlyList<IncidentRow> Rows, int All, IReadOnlyList<Incident> Worst, IReadOnlyDictionary<string, List<RunRow>> Runs,
    IReadOnlyDictionary<string, List<MetricPoint>> Points, IReadOnlyDictionary<string, string> Leads);

/// <summary>Reads the board once for all who look at it: a burst of alerts with many boards open must not become a burst of queries.</summary>
public sealed class BoardDetails(IncidentRows incidents, RunRows runs, MetricPoints points, IncidentDesk desk, ProposalDesk proposals, FiringNow firing, TimeProvider time)
{
    /// <summary>Incidents that the board lists; of a flood the worst are enough, the rest is counted.</summary>
    public const int MostShown = 100;

    /// <summary>Incidents whose signals and proposal the board shows.</summary>
    private const int MostDetailed = 12;

    /// <summary>Half a second old is what a person calls live; the rows themselves are read for each look.</summary>
    private static readonly TimeSpan Fresh = TimeSpan.FromMilliseconds(500);

    private static readonly Actor Console = new(Person.Console.Id, Person.Console.Name, [Role.Viewer], []);
    private readonly SemaphoreSlim _turn = new(1);
    private (DateTimeOffset At, BoardView View)? _last;

    public async Task<BoardView> Look(CancellationToken ct = default)
    {
        await _turn.WaitAsync(ct);
        try
        {
            var now = time.GetUtcNow();
            var (rows, all) = await incidents.Board(MostShown, ct);
            if (_last is { } last && now - last.At < Fresh && now >= last.At && last.View.Rows.SequenceEqual(rows)) return last.View;
            var view = await Read(rows, all, now, ct);
            _last = (now, view);
            return view;
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task<BoardView> Read(List<IncidentRow> rows, int all, DateTimeOffset now, CancellationToken ct)
    {
        var (worst, readings, leads) = (new List<Incident>(), new Dictionary<string, List<MetricPoint>>(StringComparer.Ordinal), new Dictionary<string, string>(StringComparer.Ordinal));
        foreach (var row in rows.Where(r => r.Status == IncidentStatus.Open).Take(MostDetailed))
        {
            var incident = await desk.Get(Console, row.Id, ct);
            worst.Add(await firing.On(incident, ct));
            readings[row.Id] = await points.Since(row.Service, row.Environment, "errorRate", now.AddMinutes(-5), 300, ct);
            leads[row.Id] = (await proposals.For(Console, incident, ct)).Lead;
        }
        var byIncident = (await runs.OfIncidents([.. rows.Select(r => r.Id)], ct)).GroupBy(r => r.IncidentId, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.ToList(), StringComparer.Ordinal);
        return new BoardView(rows, all, worst, byIncident, readings, leads);
    }
}
