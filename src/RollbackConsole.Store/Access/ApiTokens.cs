using System.Security.Cryptography;
using System.Text;
using Npgsql;
using RollbackConsole.Domain.Access;
using RollbackConsole.Store.Journal;

namespace RollbackConsole.Store.Access;

/// <summary>A token as lists show it; the token itself is known to its holder only.</summary>
public sealed record TokenRow(
    string Id, string Name, IReadOnlyList<string> Roles, IReadOnlyList<string> Groups, IReadOnlyList<string> Scope, string? Owner,
    DateTimeOffset CreatedAt, DateTimeOffset? ExpiresAt, DateTimeOffset? LastUsedAt, string? LastUsedFrom, DateTimeOffset? RevokedAt);

/// <summary>API tokens: shown once, stored as SHA-256 only. A token has 256 random bits, so a plain hash is enough.</summary>
public sealed class ApiTokens(NpgsqlDataSource source, TimeProvider time)
{
    public const string Prefix = "rc_";

    /// <summary>An account whose sign-in an administrator has closed for good; a lock after wrong passwords ends by itself and is no reason to stop programs.</summary>
    private const string Good = $"t.revoked_at is null and (t.expires_at is null or t.expires_at > $2) and (t.owner_id is null or (a.id is not null and not {Account.IsDisabled}))";

    private const string Columns = "id, name, roles, groups, scope, owner_id, created_at, expires_at, last_used_at, last_used_from, revoked_at";

    /// <summary>Makes a token; the answer is the only time that it can be read.</summary>
    /// <param name="owner">The account whose word the token's acts count as; null for a program of nobody's.</param>
    /// <param name="scope">What the token is narrowed to; empty leaves it all that its roles allow.</param>
    public async Task<(string Id, string Token)> Create(
        string name, IReadOnlyList<string> roles, IReadOnlyList<string> groups, DateTimeOffset at, DateTimeOffset? expires = null, IReadOnlyList<Permission>? scope = null, string? owner = null, CancellationToken ct = default)
    {
        var token = Prefix + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        var id = "token-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
        await using var command = source.Command("insert into api_tokens (id, name, hash, roles, groups, created_at, expires_at, scope, owner_id) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            id, name, Hash(token), roles.ToArray(), groups.ToArray(), at, expires, (scope ?? []).Select(Sql.Name).ToArray(), owner);
        await command.ExecuteNonQueryAsync(ct);
        return (id, token);
    }

    /// <summary>Who holds this token; null when nobody does, or not any more. Its last use is kept to the minute.</summary>
    public async Task<Actor?> Find(string token, string from, CancellationToken ct)
    {
        if (token.Length > 200 || !token.StartsWith(Prefix, StringComparison.Ordinal)) return null;
        var now = time.GetUtcNow();
        if (await One("hash", Hash(token), from, now, ct) is not var (t, actor)) return null;
        if (t.LastUsedAt is not { } last || now - last > TimeSpan.FromMinutes(1) || t.LastUsedFrom != from)
        {
            await using var used = source.Command("update api_tokens set last_used_at = $2, last_used_from = $3 where id = $1", t.Id, now, from);
            await used.ExecuteNonQueryAsync(ct);
        }
        return actor;
    }

    /// <summary>What the holder of a token that was shown earlier may do now; null when it is not good any more.</summary>
    public async Task<Actor?> Now(string id, CancellationToken ct) => (await One("id", id, "", time.GetUtcNow(), ct))?.Actor;

    private async Task<(TokenRow Row, Actor Actor)?> One(string column, string value, string from, DateTimeOffset now, CancellationToken ct)
    {
        var found = await source.Command($"select {string.Join(", ", Columns.Split(", ").Select(c => "t." + c))}, a.roles, a.groups from api_tokens t left join accounts a on a.id = t.owner_id where t.{column} = $1 and {Good}", value, now)
            .List(r => (Row: Read(r), Roles: r.IsDBNull(11) ? null : r.GetFieldValue<string[]>(11), Groups: r.IsDBNull(12) ? null : r.GetFieldValue<string[]>(12)), ct);
        if (found is not [var (t, ownersRoles, ownersGroups)]) return null;
        // What the owner has lost, the token has lost; and a wall around one of them is around both.
        if ((ownersGroups is null ? t.Groups : TenantGroups.Both(t.Groups, ownersGroups)) is not { } groups) return null;
        return (t, new Actor(t.Id, t.Name, ownersRoles is null ? t.Roles : [.. t.Roles.Intersect(ownersRoles, StringComparer.Ordinal)], groups) { Owner = t.Owner, From = from, Scope = t.Scope.Count == 0 ? null : [.. t.Scope.Select(Sql.Parse<Permission>)] });
    }

    /// <summary>Every token that is not revoked, the newest first.</summary>
    public Task<List<TokenRow>> All(CancellationToken ct = default) => source.Command($"select {Columns} from api_tokens where revoked_at is null order by created_at desc limit 500").List(Read, ct);

    /// <returns>The name of the token; null when there is none of that id, or it was revoked before.</returns>
    public async Task<string?> Revoke(string id, DateTimeOffset at, CancellationToken ct = default) =>
        (await source.Command("update api_tokens set revoked_at = $2 where id = $1 and revoked_at is null returning name", id, at).List(r => r.GetString(0), ct)).FirstOrDefault();

    private static TokenRow Read(NpgsqlDataReader r) => new(r.GetString(0), r.GetString(1), r.GetFieldValue<string[]>(2), r.GetFieldValue<string[]>(3), r.GetFieldValue<string[]>(4), r.TextOrNull(5),
        r.GetFieldValue<DateTimeOffset>(6), r.TimeOrNull(7), r.TimeOrNull(8), r.TextOrNull(9), r.TimeOrNull(10));

    private static string Hash(string token) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
}
