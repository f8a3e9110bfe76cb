using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Library;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Engine.Library;
using RollbackConsole.Steps;
using RollbackConsole.Store.Journal;
using RollbackConsole.Store.Plans;

namespace RollbackConsole.Engine.Plans;

/// <summary>The library of plans: read strictly, kept as immutable versions named by their digest.</summary>
public sealed class PlanLibrary(EventJournal journal, PlanRows rows, StepKinds kinds, Templates templates, TimeProvider time)
{
    /// <summary>Reads a plan without keeping it.</summary>
    public PlanReading Read(string yaml)
    {
        var (root, errors) = YamlDocument.Read(yaml);
        if (root is null) return new PlanReading(null, null, errors, []);
        var reading = new PlanReader(kinds.Schemas).Read(root);
        if (!reading.Valid) return reading;
        var malformed = Scalars(root, "").Where(s => TemplateReferences.Any(s.Node.Value) && !IsProgramText(s.Path))
            .Select(s => (s, Complaint: templates.Complaint(s.Node.Value))).Where(x => x.Complaint is not null)
            .Select(x => new DocumentError(x.s.Node.Line, x.s.Node.Column, x.s.Path, "This template cannot be read: " + x.Complaint)).ToList();
        return malformed.Count == 0 ? reading : reading with { Plan = null, Digest = null, Errors = malformed };
    }

    /// <summary>Keeps a version; the same content again is the version that is there already.</summary>
    /// <exception cref="InvalidDocumentException">The plan has errors; nothing was kept.</exception>
    public Task<PlanVersion> Put(Actor actor, string? name, string yaml, CancellationToken ct) => Put(actor, name, yaml, Arrival.Put, ct);

    /// <summary>Keeps a version, or leaves what is in force, as the arrival says.</summary>
    /// <exception cref="InvalidDocumentException">The plan has errors; nothing was kept.</exception>
    public async Task<PlanVersion> Put(Actor actor, string? name, string yaml, Arrival arrival, CancellationToken ct)
    {
        actor.Require(Permission.EditLibrary);
        var reading = Read(yaml);
        if (!reading.Valid) throw new InvalidDocumentException(reading.Errors);
        var plan = reading.Plan!;
        if (name is not null && plan.Name != name)
            throw new InvalidDocumentException([new(1, 1, "plan", $"The file says plan: {plan.Name}, but the address says {name}.")]);
        var now = time.GetUtcNow();
        var history = await journal.Execute(Streams.Plans, plan.Name, s => PlanHistory.Add(s, plan, reading.Digest!, yaml, arrival, actor.Person, now), actor.Person, now, ct);
        return new PlanVersion(plan.Name, history.State.ByDigest[reading.Digest!], reading.Digest!, plan);
    }

    /// <exception cref="RefusedException">There is no such plan or version.</exception>
    public async Task<PlanVersion> Get(string name, int? version, CancellationToken ct) =>
        (await rows.Find(name, version, ct))?.Version
        ?? throw new RefusedException(RefusalKind.NotFound, version is null ? $"There is no plan '{name}'." : $"The plan '{name}' has no version {version}.", "plan");

    /// <summary>The newest versions of the plans that can be used for a service.</summary>
    public Task<List<PlanVersion>> For(string service, CancellationToken ct) => rows.For(service, ct);

    private static bool IsProgramText(string path) =>
        path.EndsWith(".with.body", StringComparison.Ordinal) || path.EndsWith(".with.sql", StringComparison.Ordinal);

    private static IEnumerable<(ScalarNode Node, string Path)> Scalars(DocumentNode node, string path) => node switch
    {
        ScalarNode s => [(s, path)],
        ListNode l => l.Items.SelectMany((n, i) => Scalars(n, $"{path}[{i}]")),
        MapNode m => m.Entries.SelectMany(e => Scalars(e.Value, path.Length == 0 ? e.Key.Value : $"{path}.{e.Key.Value}")),
        _ => [],
    };
}
