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
    /// <summary>A page of what is in memory anyway, after a key.</summary>
    /// <exception cref="RefusedException">The limit is not from 1 to 500.</exception>
    public static Page<T> Of<T>(IEnumerable<T> all, Func<T, string> key, string? after, int? limit)
    {
        var take = Limit(limit);
        var rows = all.OrderBy(key, StringComparer.Ordinal).Where(r => after is null || string.CompareOrdinal(key(r), after) > 0).Take(take + 1).ToList();
        return rows.Count <= take ? new(rows, null) : new(rows[..take], key(rows[take - 1]));
    }

    /// <summary>Where a list that is cut by count goes on; <c>after</c> is what the page before gave as next.</summary>
    /// <exception cref="RefusedException">It is something else.</exception>
    public static int Offset(string? after) => after is null ? 0 : int.TryParse(after, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var n)
        ? n : throw new RefusedException(RefusalKind.Invalid, "after must be what the page before gave as next.", "after");

    /// <exception cref="RefusedException">The limit is not from 1 to 500.</exception>
    public static int Limit(int? given, int most = Page<int>.MostLimit) => given switch
    {
        null => Math.Min(Page<int>.StandardLimit, most),
        < 1 => throw new RefusedException(RefusalKind.Invalid, $"limit must be from 1 to {most}.", "limit"),
        _ when given > most => throw new RefusedException(RefusalKind.Invalid, $"limit must be from 1 to {most}.", "limit"),
        _ => given.Value,
    };
}
