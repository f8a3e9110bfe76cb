using Npgsql;
using RollbackConsole.Store.Journal;

namespace RollbackConsole.Store.Access;

/// <summary>A sign-in that is still good, or was.</summary>
public sealed record Session(string Id, string UserId, DateTimeOffset CreatedAt, DateTimeOffset LastUsedAt, string Address, string Agent, string Method, DateTimeOffset? EndedAt);

/// <summary>Sessions of people: seen, and ended, by themselves and by administrators.</summary>
public sealed class Sessions(NpgsqlDataSource source)
{
    /// <summary>As long as its cookie: a browser that was closed is no session any more.</summary>
    public static readonly TimeSpan Lasts = TimeSpan.FromHours(12);

    public async Task Begin(Session s, CancellationToken ct)
    {
        await using var command = source.Command("insert into sessions (id, user_id, created_at, last_used_at, address, agent, method) values ($1, $2, $3, $3, $4, $5, $6)",
            s.Id, s.UserId, s.CreatedAt, s.Address, s.Agent, s.Method);
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>Is the session still good? Its last use is kept to the minute.</summary>
    public async Task<bool> IsGood(string id, DateTimeOffset now, CancellationToken ct)
    {
        var last = await source.Command($"""
            select last_used_at from sessions s where id = $1 and ended_at is null and last_used_at > $2
                and not exists (select 1 from accounts a where a.id = s.user_id and {Account.IsDisabled})
            """, id, now - Lasts).List(r => r.GetFieldValue<DateTimeOffset>(0), ct);
        if (last.Count == 0) return false;
        if (now - last[0] < TimeSpan.FromMinutes(1)) return true;
        await using var command = source.Command("update sessions set last_used_at = $2 where id = $1", id, now);
        await command.ExecuteNonQueryAsync(ct);
        return true;
    }

    /// <summary>The sessions of an account that are not ended, the last used first.</summary>
    public Task<List<Session>> Of(string user, DateTimeOffset now, CancellationToken ct = default) => source.Command(
        "select id, user_id, created_at, last_used_at, address, agent, method, ended_at from sessions where user_id = $1 and ended_at is null and last_used_at > $2 order by last_used_at desc limit 100", user, now - Lasts)
        .List(r => new Session(r.GetString(0), r.GetString(1), r.GetFieldValue<DateTimeOffset>(2), r.GetFieldValue<DateTimeOffset>(3), r.GetString(4), r.GetString(5), r.GetString(6), r.TimeOrNull(7)), ct);

    /// <summary>Ends one session of an account, or all but one.</summary>
    /// <returns>How many were ended.</returns>
    public async Task<int> End(string user, string? session, string? except, DateTimeOffset at, CancellationToken ct = default)
    {
        await using var command = source.Command("update sessions set ended_at = $4 where user_id = $1 and ended_at is null and ($2::text is null or id = $2) and ($3::text is null or id <> $3)", user, session, except, at);
        return await command.ExecuteNonQueryAsync(ct);
    }
}
