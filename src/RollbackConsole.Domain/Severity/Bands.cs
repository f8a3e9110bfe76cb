namespace RollbackConsole.Domain.Severity;

/// <summary>The figures that one condition covers.</summary>
internal readonly record struct Band(double Low, bool LowIn, double High, bool HighIn)
{
    public Band(Condition c) : this(
        Math.Max(c.Above ?? 0, c.From ?? 0), c.Above is null || c.From > c.Above,
        Math.Min(c.To ?? double.PositiveInfinity, c.Below ?? double.PositiveInfinity), c.Below is null || c.To < c.Below)
    {
    }

    public bool Empty => Low > High || (Low.Equals(High) && !(LowIn && HighIn));

    public bool Meets(Band other)
    {
        var low = Low > other.Low || (Low.Equals(other.Low) && !LowIn) ? (Low, LowIn) : (other.Low, other.LowIn);
        var high = High < other.High || (High.Equals(other.High) && !HighIn) ? (High, HighIn) : (other.High, other.HighIn);
        return !new Band(low.Item1, low.Item2, high.Item1, high.Item2).Empty;
    }
}

/// <summary>What the bands of a matrix leave open, or say twice.</summary>
/// <param name="Row">The rule's place in the matrix.</param>
public sealed record BandFinding(int Row, string Signal, string Message);

/// <summary>Checks that the bands of one signal touch without a gap and without an overlap.</summary>
public static class Bands
{
    public static IReadOnlyList<BandFinding> Findings(Matrix matrix) =>
        matrix.Type is MatrixType.Severity or MatrixType.Symptoms ? [.. matrix.Signals.Where(s => s.Unit != SignalUnit.Fact).SelectMany(s => Of(matrix, s))] : [];

    private static IEnumerable<BandFinding> Of(Matrix matrix, SignalDefinition signal)
    {
        var bands = matrix.Rules.Select((rule, row) => (rule, row)).Where(r => r.rule.When is [{ IsFact: false } only] && only.Signal == signal.Name && r.rule.Severity is not null)
            .Select(r => (r.rule, r.row, Band: new Band(r.rule.When[0]))).OrderBy(b => b.Band.Low).ThenByDescending(b => b.Band.LowIn).ToList();
        for (var i = 1; i < bands.Count; i++)
        {
            var b = bands[i];
            foreach (var a in bands[..i].Where(a => a.Band.Meets(b.Band) && a.rule.Severity != b.rule.Severity))
                yield return new(b.row, signal.Name, $"{signal.Title}: '{a.rule.Id}' ({Word(a.rule)}) and '{b.rule.Id}' ({Word(b.rule)}) overlap; where both hold, the higher counts.");
            // What any band before reaches is covered.
            var top = bands[..i].MaxBy(x => (x.Band.High, x.Band.HighIn));
            if (top.Band.High < b.Band.Low || (top.Band.High.Equals(b.Band.Low) && !top.Band.HighIn && !b.Band.LowIn))
                yield return new(b.row, signal.Name, top.Band.High.Equals(b.Band.Low)
                    ? $"{signal.Title}: exactly {signal.Show(top.Band.High)} belongs to neither '{top.rule.Id}' nor '{b.rule.Id}'."
                    : $"{signal.Title}: nothing is said from {signal.Show(top.Band.High)} to {signal.Show(b.Band.Low)}; a service's other matrices decide there.");
        }
        if (matrix.Type != MatrixType.Severity || bands.Count == 0) yield break;
        if (bands[0].Band.Low > 0) yield return new(bands[0].row, signal.Name, $"{signal.Title}: nothing is said below {signal.Show(bands[0].Band.Low)}.");
        var last = bands.MaxBy(b => b.Band.High);
        if (double.IsFinite(last.Band.High) && !(signal.Unit == SignalUnit.Fraction && last.Band.High >= 1)) yield return new(last.row, signal.Name, $"{signal.Title}: nothing is said above {signal.Show(last.Band.High)}.");
    }

    private static string Word(MatrixRule rule) => rule.Severity.ToString()!.ToLowerInvariant();
}
