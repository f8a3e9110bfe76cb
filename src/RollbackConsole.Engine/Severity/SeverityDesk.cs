using RollbackConsole.Domain.Catalog;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Library;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Engine.Catalog;
using RollbackConsole.Engine.Library;

namespace RollbackConsole.Engine.Severity;

/// <summary>Judges signals by the matrices of the library.</summary>
public sealed class SeverityDesk(DocumentLibrary library, CatalogDesk catalog)
{
    public Task<IReadOnlyList<Matrix>> Matrices(CancellationToken ct = default) => library.All<Matrix>(LibraryKind.Matrices, ct);

    /// <summary>The rule sets that speak about a service: those that its catalog entry names, then the platform's.</summary>
    public async Task<IReadOnlyList<Matrix>> For(string service, CancellationToken ct = default)
    {
        var named = (await catalog.Service(service, ct))?.Operations.Matrices ?? [];
        var all = await Matrices(ct);
        return [.. named.Append(Matrix.Platform).Distinct(StringComparer.Ordinal).Select(n => all.FirstOrDefault(m => m.Name == n)).OfType<Matrix>()];
    }

    /// <summary>The matrix that says what the levels mean.</summary>
    public async Task<Matrix> Levels(CancellationToken ct = default) => (await Matrices(ct)).FirstOrDefault(m => m.Name == Matrix.Platform)
        ?? throw new InvalidOperationException("The library has no platform matrix; it is kept at every start.");

    /// <summary>What the signals amount to.</summary>
    /// <param name="matrix">A single matrix by name; null takes those of the service, or the platform's when no service is named.</param>
    /// <exception cref="RefusedException">There is no such matrix, a signal is unknown, or its figure cannot be one.</exception>
    public async Task<Classification> Evaluate(SignalSet? signals, string? matrix, string? service, CancellationToken ct = default)
    {
        var all = await Matrices(ct);
        var chosen = matrix is null ? await For(service ?? "", ct)
            : [all.FirstOrDefault(m => m.Name == matrix) ?? throw new RefusedException(RefusalKind.NotFound, $"There is no matrix '{matrix}'; there are {string.Join(", ", all.Select(m => m.Name))}.", "matrix")];
        if (signals is not { Any: true }) throw new RefusedException(RefusalKind.Invalid, "Give at least one signal.", "signals");
        Check(signals, matrix is null ? all : chosen);
        return Evaluation.Classify(matrix is null ? Speaking(all, chosen, signals) : chosen, await Levels(ct), signals)
            ?? throw new RefusedException(RefusalKind.Invalid, $"No rule of {string.Join(", ", chosen.Select(m => m.Name))} says anything about these signals.", "signals");
    }

    /// <summary>A person's word, or the signals', or both: the word stands over the matrix, the rules that fired stay visible beside it.</summary>
    public async Task<Classification?> Classify(SignalSet? signals, Level? severity, string service, CancellationToken ct)
    {
        if (signals is not { Any: true }) return severity is { } said ? Evaluation.Of(said, await Levels(ct), []) : null;
        if (severity is null) return await Evaluate(signals, null, service, ct);
        var all = await Matrices(ct);
        Check(signals, all);
        return Evaluation.Of(severity.Value, await Levels(ct), Evaluation.Classify(Speaking(all, await For(service, ct), signals), await Levels(ct), signals)?.Rules ?? []);
    }

    /// <exception cref="RefusedException">A signal is unknown, or its figure cannot be one.</exception>
    public static void Check(SignalSet signals, IReadOnlyList<Matrix> matrices)
    {
        var known = matrices.SelectMany(m => m.Signals).DistinctBy(s => s.Name).ToDictionary(s => s.Name, StringComparer.Ordinal);
        foreach (var name in signals.Names)
            if (!known.ContainsKey(name))
                throw new RefusedException(RefusalKind.Invalid, $"There is no signal '{(name.Length <= 60 ? name : name[..60] + "…")}'. Known are {string.Join(", ", known.Keys)}; rates are fractions such as 0.31.", "signals");
        foreach (var (name, value) in signals.Figures)
            if (known[name].Complaint(value) is { } bad) throw new RefusedException(RefusalKind.Invalid, bad, "signals." + name);
        foreach (var fact in signals.Facts)
            if (known[fact].Unit != SignalUnit.Fact) throw new RefusedException(RefusalKind.Invalid, $"'{fact}' is a figure; give a number.", "signals." + fact);
    }

    /// <summary>The service's matrices, and any other that alone knows a signal which a person named: what somebody sees must count.</summary>
    private static IEnumerable<Matrix> Speaking(IReadOnlyList<Matrix> all, IReadOnlyList<Matrix> chosen, SignalSet signals)
    {
        var unheard = signals.Names.Where(n => !chosen.Any(m => m.Signal(n) is not null)).ToHashSet(StringComparer.Ordinal);
        return unheard.Count == 0 ? chosen : [.. chosen, .. all.Except(chosen).Where(m => m.Signals.Any(s => unheard.Contains(s.Name)))
            .Select(m => m with { Rules = [.. m.Rules.Where(r => r.When.Any(c => unheard.Contains(c.Signal)))] })];
    }
}
