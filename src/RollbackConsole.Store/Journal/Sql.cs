using Npgsql;

namespace RollbackConsole.Store.Journal;

internal static class Sql
{
    public static NpgsqlBatchCommand Batch(string text, params IReadOnlyList<object?> values)
    {
        var command = new NpgsqlBatchCommand(text);
        foreach (var value in values) command.Parameters.Add(new NpgsqlParameter { Value = Plain(value) });
        return command;
    }

    public static NpgsqlCommand Command(this NpgsqlDataSource source, string text, params IReadOnlyList<object?> values)
    {
        var command = source.CreateCommand(text);
        foreach (var value in values) command.Parameters.Add(new NpgsqlParameter { Value = Plain(value) });
        return command;
    }

    public static async Task<List<T>> List<T>(this NpgsqlCommand command, Func<NpgsqlDataReader, T> read, CancellationToken ct)
    {
        await using var _ = command;
        var rows = new List<T>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct)) rows.Add(read(reader));
        return rows;
    }

    /// <summary>Enums are stored by their camelCase name.</summary>
    public static string Name<T>(T value) where T : struct, Enum => char.ToLowerInvariant(value.ToString()[0]) + value.ToString()[1..];

    /// <exception cref="InvalidDataException">The stored value is none that this version knows.</exception>
    public static T Parse<T>(string stored) where T : struct, Enum =>
        Enum.TryParse<T>(stored, ignoreCase: true, out var value) && Enum.IsDefined(value)
            ? value : throw new InvalidDataException($"'{stored}' is no {typeof(T).Name}.");

    public static string? TextOrNull(this NpgsqlDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetString(column);

    public static DateTimeOffset? TimeOrNull(this NpgsqlDataReader reader, int column) =>
        reader.IsDBNull(column) ? null : reader.GetFieldValue<DateTimeOffset>(column);

    private static object Plain(object? value) => value switch
    {
        null => DBNull.Value,
        DateTimeOffset t => t.ToUniversalTime(),
        _ => value,
    };
}
