namespace RollbackConsole.Domain.Severity;

/// <summary>Finds what fires. Several matrices may speak about one service: where one says nothing the others decide, and of all that fire the worst holds.</summary>
public static class Evaluation
{
    /// <summary>Every rule of a matrix that the signals fire, worst first.</summary>
    public static IReadOnlyList<FiredRule> Fire(Matrix matrix, SignalSet signals) =>
        [.. matrix.Rules.Where(r => r.Severity is not null && r.When.Count > 0 && r.When.All(c => Holds(c, signals)))
            .OrderBy(r => r.Severity).Select(r => Fired(matrix, r, signals))];

    /// <summary>The worst that fires in any of the matrices; null when nothing does.</summary>
    /// <param name="levels">The matrix whose levels give advice and time to decide.</param>
    public static Classification? Classify(IEnumerable<Matrix> matrices, Matrix levels, SignalSet signals) =>
        Classify(matrices.SelectMany(m => Fire(m, signals)), levels);

    public static Classification? Classify(IEnumerable<FiredRule> fired, Matrix levels)
    {
        // Stable order: of equals, the earlier matrix speaks first.
        var rules = fired.OrderBy(f => f.Severity).ToList();
        return rules.Count == 0 ? null : Of(rules[0].Severity!.Value, levels, rules);
    }

    /// <summary>A person's word, with the rules that fired beside it.</summary>
    /// <exception cref="InvalidOperationException">The matrix gives no time for the level; the reader refuses such a matrix.</exception>
    public static Classification Of(Level level, Matrix levels, IReadOnlyList<FiredRule> rules)
    {
        var row = levels.At(level) ?? throw new InvalidOperationException($"The matrix {levels.Name} does not say what {level} means.");
        return new Classification(level, row.Action, row.Decide, rules);
    }

    public static FiredRule Fired(Matrix matrix, MatrixRule rule, SignalSet signals) => new(matrix.Name, rule.Id, Because(matrix, rule, signals), rule.Severity, rule.Action, rule.Automatic,
        rule.RollbackLevel, rule.Then, rule.Alternative);

    public static bool Holds(Condition condition, SignalSet signals) => condition.IsFact
        ? signals.Facts.Contains(condition.Signal) || (signals.Figures.TryGetValue(condition.Signal, out var truth) && truth >= 0.5)
        : signals.Figures.TryGetValue(condition.Signal, out var value) && condition.Holds(value);

    private static string Because(Matrix matrix, MatrixRule rule, SignalSet signals) => string.Join(" and ", rule.When.Select(c =>
    {
        if (c.IsFact || matrix.Signal(c.Signal) is not { } signal || !signals.Figures.TryGetValue(c.Signal, out var value)) return rule.Title;
        return $"{signal.Title}: {signal.Show(value)}, {c.Show(signal)}";
    }).Distinct(StringComparer.Ordinal)) + (rule.For is { } held ? $", for {Library.Duration.Format(held)}" : "");
}
