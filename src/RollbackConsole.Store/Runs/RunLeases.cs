using Npgsql;
using RollbackConsole.Store.Journal;

namespace RollbackConsole.Store.Runs;

/// <summary>Who holds a run, by the database's clock. The journal's <c>run.leased</c> fences the stream; this row fences log lines and tells when a holder is gone.</summary>
public sealed class RunLeases(NpgsqlDataSource source)
{
    /// <summary>Takes the row when it is free, expired, or the node's own from before; false when another node holds it.</summary>
    public async Task<bool> TryTake(string run, string node, int epoch, TimeSpan length, CancellationToken ct)
    {
        await using var command = source.Command("""
            insert into run_leases (run_id, node, epoch, expires_at) values ($1, $2, $3, now() + $4)
            on conflict (run_id) do update set node = excluded.node, epoch = excluded.epoch, expires_at = excluded.expires_at
            where run_leases.expires_at < now() or (run_leases.node = excluded.node and run_leases.epoch < excluded.epoch)
            """, run, node, epoch, length);
        return await command.ExecuteNonQueryAsync(ct) == 1;
    }

    /// <summary>False when the lease was lost: the holder must stop.</summary>
    public async Task<bool> Renew(string run, int epoch, TimeSpan length, CancellationToken ct)
    {
        await using var command = source.Command("update run_leases set expires_at = now() + $3 where run_id = $1 and epoch = $2", run, epoch, length);
        return await command.ExecuteNonQueryAsync(ct) == 1;
    }

    public async Task Release(string run, int epoch, CancellationToken ct)
    {
        await using var command = source.Command("update run_leases set expires_at = now() - interval '1 second' where run_id = $1 and epoch = $2", run, epoch);
        await command.ExecuteNonQueryAsync(ct);
    }
}
