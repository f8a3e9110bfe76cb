using RollbackConsole.Domain.Severity;

namespace RollbackConsole.Web.Severity;

/// <summary>How rules are written in narrow cells.</summary>
public static class MatrixText
{
    /// <summary>The bounds of a rule's figure, or its title when it is a fact.</summary>
    public static string Short(Matrix matrix, MatrixRule rule) =>
        rule.When is [{ IsFact: false } only] && matrix.Signal(only.Signal) is { } signal ? only.Show(signal) : rule.Title;

    /// <summary>What must hold, in full.</summary>
    public static string Condition(Matrix matrix, MatrixRule rule) => string.Join(" and ", rule.When.Select(c => matrix.Signal(c.Signal) is { } signal ? $"{signal.Title} {c.Show(signal)}".Trim() : c.Signal));
}
