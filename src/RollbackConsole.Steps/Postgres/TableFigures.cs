using System.Text.Json.Nodes;
using Npgsql;
using RollbackConsole.Steps.Running;

namespace RollbackConsole.Steps.Postgres;

/// <summary>The figures of one table: how many rows, and a sum that changes when any value in them changes.</summary>
/// <param name="Name">Under which name the comparison finds it.</param>
/// <param name="Table">The table that was read.</param>
/// <param name="Columns">The columns that count, by name, so that a column added elsewhere does not matter.</param>
/// <param name="Key">With a key, only rows up to <paramref name="UpTo"/> count: rows that came later are no difference.</param>
/// <param name="Checksum">The sums of both halves of every row's MD5: the same rows give the same sums in any order.</param>
public sealed record TableFigures(string Name, string Table, IReadOnlyList<string> Columns, string? Key, string? UpTo, long Rows, string Checksum)
{
    /// <summary>Reads the figures as the database holds them now.</summary>
    public static async Task<TableFigures> Read(NpgsqlConnection connection, NpgsqlTransaction transaction, string name, string table,
        IReadOnlyList<string> columns, string? key, TableFigures? before, CancellationToken ct)
    {
        var quoted = PostgresTools.Quote(table);
        if (columns.Count == 0) columns = await ColumnsOf(connection, transaction, quoted, ct);
        var upTo = before?.UpTo;
        if (key is not null && before is null)
        {
            await using var newest = new NpgsqlCommand($"select max({PostgresTools.Quote(key)})::text from {quoted}", connection, transaction);
            upTo = await newest.ExecuteScalarAsync(ct) as string;
        }
        // A keyed table that was empty has no newest key: every row that it holds now came later.
        var limit = key is null ? "" : upTo is null ? "where false" : $"where {PostgresTools.Quote(key)} <= (select {PostgresTools.Quote(key)} from {quoted} where {PostgresTools.Quote(key)}::text = @upTo limit 1)";
        await using var command = new NpgsqlCommand($"""
            select count(*), coalesce(sum(('x' || substr(h, 1, 16))::bit(64)::bigint::numeric), 0)::text || ':' || coalesce(sum(('x' || substr(h, 17, 16))::bit(64)::bigint::numeric), 0)::text
            from (select md5(row({string.Join(", ", columns.Select(PostgresTools.Quote))})::text) as h from {quoted} {limit}) hashes
            """, connection, transaction);
        if (upTo is not null) command.Parameters.AddWithValue("upTo", upTo!);
        await using var reader = await command.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        return new TableFigures(name, table, columns, key, upTo, reader.GetInt64(0), reader.GetString(1));
    }

    /// <summary>What the plan says about tables: a name, or {name, key?, columns?, as?}.</summary>
    public static IEnumerable<(string Name, string Table, IReadOnlyList<string> Columns, string? Key)> Wanted(Inputs with)
    {
        foreach (var node in with.Nodes("tables"))
        {
            if (node is not JsonObject o)
            {
                yield return (node.ToString(), node.ToString(), [], null);
                continue;
            }
            var table = o["name"]!.ToString();
            yield return (o["as"]?.ToString() ?? table, table, o["columns"] is JsonArray c ? [.. c.Select(x => x!.ToString())] : [], o["key"]?.ToString());
        }
    }

    private static async Task<IReadOnlyList<string>> ColumnsOf(NpgsqlConnection connection, NpgsqlTransaction transaction, string quoted, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            "select attname from pg_attribute where attrelid = @table::regclass and attnum > 0 and not attisdropped order by attname", connection, transaction);
        command.Parameters.AddWithValue("table", quoted);
        var columns = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct)) columns.Add(reader.GetString(0));
        return columns;
    }
}
