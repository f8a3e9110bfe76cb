using Npgsql;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Library;
using RollbackConsole.Store.Journal;

namespace RollbackConsole.Store.Library;

/// <summary>A version of a library document.</summary>
public sealed record DocumentRow(LibraryKind Kind, string Name, int Version, string Digest, string Title, string Source, string AddedBy, DateTimeOffset AddedAt);

/// <summary>The read model of library documents other than plans.</summary>
public sealed class LibraryRows(NpgsqlDataSource source)
{
    private const string Columns = "kind, name, version, digest, title, source, added_by, added_at";

    internal static IEnumerable<NpgsqlBatchCommand> Inserts(VersionHistory state, IReadOnlyList<IEvent> events) => events.OfType<DocumentVersionAdded>().Select(e =>
        Sql.Batch($"insert into library_versions ({Columns}) values ($1, $2, $3, $4, $5, $6, $7, $8)", Sql.Name(e.Kind), e.Name, e.Version, e.Digest, e.Title, e.Source, e.By.Name, e.At));

    /// <summary>The newest version of every document of a kind, by name.</summary>
    public Task<List<DocumentRow>> Newest(LibraryKind kind, CancellationToken ct = default) => source.Command(
        $"select distinct on (name) {Columns} from library_versions where kind = $1 order by name, version desc", Sql.Name(kind)).List(Row, ct);

    public Task<List<DocumentRow>> Versions(LibraryKind kind, string name, CancellationToken ct = default) =>
        source.Command($"select {Columns} from library_versions where kind = $1 and name = $2 order by version desc limit 500", Sql.Name(kind), name).List(Row, ct);

    /// <summary>Changes with every new version of a kind: whoever keeps what it read knows when to read again.</summary>
    public async Task<long> Stamp(LibraryKind kind, CancellationToken ct = default)
    {
        await using var command = source.Command("select count(*) from library_versions where kind = $1", Sql.Name(kind));
        return (long)(await command.ExecuteScalarAsync(ct))!;
    }

    private static DocumentRow Row(NpgsqlDataReader r) => new(
        Sql.Parse<LibraryKind>(r.GetString(0)), r.GetString(1), r.GetInt32(2), r.GetString(3), r.GetString(4), r.GetString(5), r.GetString(6), r.GetFieldValue<DateTimeOffset>(7));
}
