using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Library;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Store.Journal;

namespace RollbackConsole.Store.Plans;

/// <summary>A plan version as lists show it.</summary>
public sealed record PlanRow(string Name, int Version, string Digest, string Title, string? Service, Risk Risk, string AddedBy, DateTimeOffset AddedAt);

/// <summary>The library's plan versions.</summary>
public sealed class PlanRows(NpgsqlDataSource source)
{
    private const string Columns = "name, version, digest, title, service, risk, added_by, added_at";

    internal static IEnumerable<NpgsqlBatchCommand> Inserts(VersionHistory state, IReadOnlyList<IEvent> events)
    {
        foreach (var e in events.OfType<PlanVersionAdded>())
        {
            var command = Sql.Batch($"insert into plan_versions ({Columns}, source, plan) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                e.Name, e.Version, e.Digest, e.Plan.Title, e.Plan.Service, Sql.Name(e.Plan.Risk), e.By.Name, e.At, e.Source);
            command.Parameters.Add(new NpgsqlParameter { Value = JsonSerializer.Serialize(e.Plan, DomainJson.Options), NpgsqlDbType = NpgsqlDbType.Jsonb });
            yield return command;
        }
    }

    /// <summary>The newest version of every plan, by name.</summary>
    public Task<List<PlanRow>> Newest(string? service = null, string? after = null, int limit = 500, CancellationToken ct = default) => source.Command($"""
        select {Columns} from (select distinct on (name) * from plan_versions order by name, version desc) newest
        where ($1::text is null or service = $1) and ($2::text is null or name > $2) order by name limit $3
        """, service, after, limit).List(Row, ct);

    public Task<List<PlanRow>> Versions(string name, CancellationToken ct = default) =>
        source.Command($"select {Columns} from plan_versions where name = $1 order by version desc limit 500", name).List(Row, ct);

    /// <summary>A version, the newest when none is named; null when there is none.</summary>
    public async Task<(PlanVersion Version, string Source)?> Find(string name, int? version, CancellationToken ct = default)
    {
        var found = await source.Command("""
            select version, digest, plan::text, source from plan_versions where name = $1 and ($2::integer is null or version = $2)
            order by version desc limit 1
            """, name, version).List(r => (new PlanVersion(name, r.GetInt32(0), r.GetString(1),
                JsonSerializer.Deserialize<Plan>(r.GetString(2), DomainJson.Options)!), r.GetString(3)), ct);
        return found.Count == 0 ? null : found[0];
    }

    /// <summary>The newest version of every plan that may help a service: its own, and those that name no service.</summary>
    public Task<List<PlanVersion>> For(string service, CancellationToken ct = default) => source.Command("""
        select name, version, digest, plan::text from (select distinct on (name) * from plan_versions order by name, version desc) newest
        where service = $1 or service is null order by name limit 500
        """, service).List(r => new PlanVersion(r.GetString(0), r.GetInt32(1), r.GetString(2), JsonSerializer.Deserialize<Plan>(r.GetString(3), DomainJson.Options)!), ct);

    private static PlanRow Row(NpgsqlDataReader r) => new(r.GetString(0), r.GetInt32(1), r.GetString(2), r.GetString(3), r.TextOrNull(4),
        Sql.Parse<Risk>(r.GetString(5)), r.GetString(6), r.GetFieldValue<DateTimeOffset>(7));
}
