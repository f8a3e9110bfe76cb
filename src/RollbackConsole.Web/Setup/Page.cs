using RollbackConsole.Domain.Journal;

namespace RollbackConsole.Web.Setup;

/// <summary>A page of a list.</summary>
/// <param name="Next">What to give as <c>after</c> for the next page; null on the last.</param>
public sealed record Page<T>(IReadOnlyList<T> Items, string? Next)
{
    /// <summary>Rows that a list gives when the caller does not say.</summary>
    public const int StandardLimit = 100;

    /// <summary>Rows that a list gives at the most.</summary>
    public const int MostLimit = 500;
}

public static class Paging
{
    /// <exception cref="RefusedException">The limit is not from 1 to 500.</exception>
    public static int Limit(int? given, int most = Page<int>.MostLimit) => given switch
    {
        null => Math.Min(Page<int>.StandardLimit, most),
        < 1 => throw new RefusedException(RefusalKind.Invalid, $"limit must be from 1 to {most}.", "limit"),
        _ when given > most => throw new RefusedException(RefusalKind.Invalid, $"limit must be from 1 to {most}.", "limit"),
        _ => given.Value,
    };
}
