using System.Security.Cryptography;
using System.Text;
using Npgsql;
using RollbackConsole.Domain.Access;
using RollbackConsole.Store.Journal;

namespace RollbackConsole.Store.Access;

/// <summary>API tokens: shown once, stored as SHA-256 only. A token has 256 random bits, so a plain hash is enough.</summary>
public sealed class ApiTokens(NpgsqlDataSource source)
{
    public const string Prefix = "rc_";

    /// <summary>Makes a token; the answer is the only time that it can be read.</summary>
    public async Task<(string Id, string Token)> Create(string name, IReadOnlyList<string> roles, IReadOnlyList<string> groups, DateTimeOffset at, CancellationToken ct = default)
    {
        var token = Prefix + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        var id = "token-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
        await using var command = source.Command("insert into api_tokens (id, name, hash, roles, groups, created_at) values ($1, $2, $3, $4, $5, $6)",
            id, name, Hash(token), roles.ToArray(), groups.ToArray(), at);
        await command.ExecuteNonQueryAsync(ct);
        return (id, token);
    }

    /// <summary>Who holds this token; null when nobody does.</summary>
    public async Task<Actor?> Find(string token, CancellationToken ct)
    {
        if (token.Length > 200 || !token.StartsWith(Prefix, StringComparison.Ordinal)) return null;
        var found = await source.Command("select id, name, roles, groups from api_tokens where hash = $1 and revoked_at is null", Hash(token))
            .List(r => new Actor(r.GetString(0), r.GetString(1), r.GetFieldValue<string[]>(2), r.GetFieldValue<string[]>(3)), ct);
        return found.FirstOrDefault();
    }

    private static string Hash(string token) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
}
