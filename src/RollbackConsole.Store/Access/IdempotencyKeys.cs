using Npgsql;
using RollbackConsole.Store.Journal;

namespace RollbackConsole.Store.Access;

/// <summary>What is known of a key: new, being worked on, answered, or used for another call.</summary>
public abstract record KeyState
{
    public sealed record Fresh : KeyState;

    public sealed record InProgress : KeyState;

    public sealed record OtherRequest : KeyState;

    public sealed record Answered(int Status, string Body) : KeyState;
}

/// <summary>Remembers the answer to an unsafe call under the caller's key, so that a repetition gets the same answer and does nothing.</summary>
public sealed class IdempotencyKeys(NpgsqlDataSource source)
{
    /// <summary>A caller that repeats after a day means a new call.</summary>
    private static readonly TimeSpan Kept = TimeSpan.FromDays(1);

    /// <summary>A call that did not answer within this was cut off by a crash; its key is free again.</summary>
    private static readonly TimeSpan Abandoned = TimeSpan.FromMinutes(2);

    /// <param name="request">A digest of method, path and body.</param>
    public async Task<KeyState> Begin(string actor, string key, string request, CancellationToken ct)
    {
        await using (var clean = source.Command("""
            delete from idempotency_keys where actor = $1 and (created_at < now() - $2::interval or (status is null and created_at < now() - $3::interval))
            """, actor, Kept, Abandoned)) await clean.ExecuteNonQueryAsync(ct);
        await using (var insert = source.Command("insert into idempotency_keys (actor, key, request) values ($1, $2, $3) on conflict do nothing", actor, key, request))
            if (await insert.ExecuteNonQueryAsync(ct) == 1) return new KeyState.Fresh();
        var found = await source.Command("select request, status, body from idempotency_keys where actor = $1 and key = $2", actor, key)
            .List<KeyState>(r => r.GetString(0) != request ? new KeyState.OtherRequest()
                : r.IsDBNull(1) ? new KeyState.InProgress() : new KeyState.Answered(r.GetInt32(1), r.GetString(2)), ct);
        return found.Count == 0 ? new KeyState.InProgress() : found[0];
    }

    public async Task Answer(string actor, string key, int status, string body, CancellationToken ct)
    {
        await using var command = source.Command("update idempotency_keys set status = $3, body = $4 where actor = $1 and key = $2", actor, key, status, body);
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>The call did not take effect; the key may be used again.</summary>
    public async Task Forget(string actor, string key, CancellationToken ct)
    {
        await using var command = source.Command("delete from idempotency_keys where actor = $1 and key = $2 and status is null", actor, key);
        await command.ExecuteNonQueryAsync(ct);
    }
}
