using System.Security.Cryptography;
using Microsoft.AspNetCore.Identity;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Store.Access;
using RollbackConsole.Store.Journal;

namespace RollbackConsole.Web.Access;

/// <summary>Makes accounts and tokens, and journals that it did.</summary>
public sealed class Accounts(UserManager<Account> users, AccountsDb db, ApiTokens tokens, Sessions sessions, EventJournal journal, TimeProvider time)
{
    public IQueryable<Account> All => users.Users;

    /// <exception cref="RefusedException">The name is taken, the password too weak, or a role unknown.</exception>
    public async Task<Account> Create(Actor by, string name, string password, IReadOnlyList<string> roles, IReadOnlyList<string> groups)
    {
        by.Require(Permission.Administer);
        CheckRoles(roles);
        var account = new Account { UserName = name, Roles = [.. roles], Groups = [.. groups], CreatedAt = time.GetUtcNow(), LockoutEnabled = true };
        var result = await users.CreateAsync(account, password);
        if (!result.Succeeded) throw new RefusedException(RefusalKind.Invalid, string.Join(" ", result.Errors.Select(e => e.Description)), "name");
        await Append(new AccountCreated(account.Id, name, roles, groups, by.Person, time.GetUtcNow()), by);
        return account;
    }

    /// <summary>Somebody by name, who must be able to do what the task needs.</summary>
    /// <exception cref="RefusedException">There is no such account, or it lacks the role.</exception>
    public async Task<Person> Person(string name, Permission needs, string field, CancellationToken ct = default)
    {
        ct.ThrowIfCancellationRequested();
        var account = await users.FindByNameAsync(name) ?? throw new RefusedException(RefusalKind.Invalid, $"There is no account '{name}'.", field);
        if (account.Disabled) throw new RefusedException(RefusalKind.Invalid, $"{name} cannot sign in any more.", field);
        return account.Roles.Any(r => Domain.Access.Access.Allows(r, needs))
            ? new Person(account.Id, account.UserName!)
            : throw new RefusedException(RefusalKind.Invalid, $"{name} has none of the roles {string.Join(", ", Domain.Access.Access.RolesFor(needs))}.", field);
    }

    /// <summary>The accounts that may do something, by name.</summary>
    public async Task<IReadOnlyList<Person>> Who(Permission may)
    {
        var roles = Domain.Access.Access.RolesFor(may);
        return [.. (await Microsoft.EntityFrameworkCore.EntityFrameworkQueryableExtensions.ToListAsync(users.Users.OrderBy(u => u.UserName)))
            .Where(u => !u.Disabled && u.Roles.Any(r => roles.Contains(r, StringComparer.Ordinal))).Select(u => new Person(u.Id, u.UserName!))];
    }

    /// <summary>The token; it is shown now and never again.</summary>
    /// <param name="expires">From now; null for a token that lasts until it is revoked.</param>
    /// <param name="scope">Names of permissions that it is narrowed to; empty leaves all that its roles allow.</param>
    /// <param name="owner">The account whose word the token's acts count as; null for a program of nobody's.</param>
    public async Task<string> CreateToken(Actor by, string name, IReadOnlyList<string> roles, IReadOnlyList<string> groups, TimeSpan? expires = null, IReadOnlyList<string>? scope = null, string? owner = null)
    {
        by.Require(Permission.Administer);
        CheckRoles(roles);
        if (string.IsNullOrWhiteSpace(name) || name.Length > 100) throw new RefusedException(RefusalKind.Invalid, "A token needs a name of at most 100 characters.", "name");
        if (expires is { } length && (length <= TimeSpan.Zero || length > LongestToken)) throw new RefusedException(RefusalKind.Invalid, $"A token lasts up to {LongestToken.Days} days.", "expires");
        var narrowed = (scope ?? []).Select(s => Enum.GetValues<Permission>().Where(p => p.ToString().Equals(s, StringComparison.OrdinalIgnoreCase)).Select(p => (Permission?)p).FirstOrDefault()
            ?? throw new RefusedException(RefusalKind.Invalid, $"'{s}' is no permission; there are {string.Join(", ", Enum.GetNames<Permission>())}.", "scope")).ToList();
        string? ownerId = null;
        if (owner is not null)
        {
            var whose = await users.FindByNameAsync(owner) ?? throw new RefusedException(RefusalKind.Invalid, $"There is no account '{owner}'.", "owner");
            // It could do nothing with it: at every call a token has at most what its owner has then.
            if (roles.Except(whose.Roles, StringComparer.Ordinal).Concat(groups.Where(g => !TenantGroups.Limits(g) || whose.Groups.Exists(TenantGroups.Limits)).Except(whose.Groups, StringComparer.Ordinal)).ToList() is { Count: > 0 } more)
                throw new RefusedException(RefusalKind.Invalid, $"{owner} has not {string.Join(", ", more)}; a token of theirs cannot have it.", "owner");
            ownerId = whose.Id;
        }
        var now = time.GetUtcNow();
        var (id, token) = await tokens.Create(name, roles, groups, now, now + expires, narrowed, ownerId);
        await Append(new TokenCreated(id, name, roles, groups, by.Person, now, now + expires, narrowed, ownerId), by);
        return token;
    }

    public async Task RevokeToken(Actor by, string id)
    {
        by.Require(Permission.Administer);
        var name = await tokens.Revoke(id, time.GetUtcNow()) ?? throw new RefusedException(RefusalKind.NotFound, "There is no such token any more.");
        await Append(new TokenRevoked(id, name, by.Person, time.GetUtcNow()), by);
    }

    /// <summary>Ends sessions of an account: one's own, or anybody's for an administrator. Open pages notice within a minute.</summary>
    /// <param name="session">One session; null for all.</param>
    /// <param name="except">The session that stays, such as the one that asks.</param>
    public async Task<int> EndSessions(Actor by, string account, string? session, string? except = null)
    {
        if (by.Id != account) by.Require(Permission.Administer);
        var found = await users.FindByIdAsync(account) ?? throw new RefusedException(RefusalKind.NotFound, "There is no such account.");
        var ended = await sessions.End(account, session, except, time.GetUtcNow());
        if (ended > 0) await Append(new SessionsEnded(account, found.UserName!, ended, by.Person, time.GetUtcNow()), by);
        return ended;
    }

    /// <summary>What an account may do from now on; its open pages notice within a minute.</summary>
    public async Task SetRoles(Actor by, string id, IReadOnlyList<string> roles, IReadOnlyList<string> groups)
    {
        by.Require(Permission.Administer);
        CheckRoles(roles);
        var account = await users.FindByIdAsync(id) ?? throw new RefusedException(RefusalKind.NotFound, "There is no such account.");
        if (account.Roles.Contains(Role.Admin) && !roles.Contains(Role.Admin, StringComparer.Ordinal) && !users.Users.Any(u => u.Id != id && u.Roles.Contains(Role.Admin) && (u.LockoutEnd == null || u.LockoutEnd < Account.Never)))
            throw new RefusedException(RefusalKind.Conflict, "This is the last administrator; make another one first.");
        // With the stamp in one commit: nobody keeps in an open page what the list does not show any more.
        (account.Roles, account.Groups) = ([.. roles], [.. groups]);
        Succeed(await users.UpdateSecurityStampAsync(account));
        await Changed(by, account, $"has the roles {string.Join(", ", roles)}" + (groups.Count > 0 ? $" and the groups {string.Join(", ", groups)}" : ""));
    }

    /// <summary>Somebody whom a provider vouches for: made at the first sign-in, kept in step with the provider's groups at every other.</summary>
    public async Task<Account> FromOutside(Account? account, string name, string provider, string key, string title, IReadOnlyList<string> roles, IReadOnlyList<string> groups)
    {
        CheckRoles(roles);
        if (account is null)
        {
            account = new Account { UserName = name, Roles = [.. roles], Groups = [.. groups], CreatedAt = time.GetUtcNow(), LockoutEnabled = true };
            // An account without its login would be nobody's, and its name taken for ever.
            await using var both = await db.Database.BeginTransactionAsync();
            Succeed(await users.CreateAsync(account));
            Succeed(await users.AddLoginAsync(account, new UserLoginInfo(provider, key, title)));
            await both.CommitAsync();
            await Append(new AccountCreated(account.Id, name, roles, groups, Domain.Journal.Person.Console, time.GetUtcNow()), SystemActor.Library);
        }
        else if (!account.Roles.Order(StringComparer.Ordinal).SequenceEqual(roles.Order(StringComparer.Ordinal)) || !account.Groups.Order(StringComparer.Ordinal).SequenceEqual(groups.Order(StringComparer.Ordinal)))
        {
            (account.Roles, account.Groups) = ([.. roles], [.. groups]);
            Succeed(await users.UpdateSecurityStampAsync(account));
            await Changed(SystemActor.Library, account, $"has the roles {string.Join(", ", roles)}, as its groups at the provider say");
        }
        return account;
    }

    /// <summary>The provider gives an account no role any more: it loses all that it had, at once.</summary>
    public async Task Dismiss(Account account)
    {
        (account.Roles, account.Groups) = ([], []);
        Succeed(await users.UpdateSecurityStampAsync(account));
        await EndSessions(SystemActor.Library, account.Id, null);
        await Changed(SystemActor.Library, account, "has no role any more, as its groups at the provider say");
    }

    /// <summary>A new one-time password for somebody who lost theirs; the old one and every session end.</summary>
    public async Task<string> ResetPassword(Actor by, string id)
    {
        var account = await Administered(by, id);
        if (await IsFromOutside(account)) throw new RefusedException(RefusalKind.Conflict, $"{account.UserName} comes in by the single sign-on; their password is not kept here.");
        if (by.Id == id) throw new RefusedException(RefusalKind.Conflict, "Change your own password under your name; this would sign you out before you have read the new one.");
        var password = RandomPassword();
        await using (var all = await db.Database.BeginTransactionAsync())
        {
            Succeed(await users.ResetPasswordAsync(account, await users.GeneratePasswordResetTokenAsync(account), password));
            Succeed(await users.SetLockoutEndDateAsync(account, account.Disabled ? account.LockoutEnd : null));
            Succeed(await users.ResetAccessFailedCountAsync(account));
            await all.CommitAsync();
        }
        await EndSessions(by, id, null);
        await Changed(by, account, "was given a new one-time password");
        return password;
    }

    /// <summary>Takes second factor and passkeys off an account whose owner has lost them.</summary>
    public async Task ResetSecondFactor(Actor by, string id)
    {
        var account = await Administered(by, id);
        var passkeys = await users.GetPasskeysAsync(account);
        if (!account.TwoFactorEnabled && passkeys.Count == 0) throw new RefusedException(RefusalKind.Conflict, $"{account.UserName} has neither a second factor nor a passkey.");
        await using (var all = await db.Database.BeginTransactionAsync())
        {
            Succeed(await users.SetTwoFactorEnabledAsync(account, false));
            Succeed(await users.ResetAuthenticatorKeyAsync(account));
            foreach (var passkey in passkeys) Succeed(await users.RemovePasskeyAsync(account, passkey.CredentialId));
            await all.CommitAsync();
        }
        await EndSessions(by, id, null);
        await Changed(by, account, "had the second factor and all passkeys taken off");
    }

    /// <summary>Closes an account, or opens it again. Whoever left signs in no more, their sessions end and their tokens stop; what they did stays theirs.</summary>
    public async Task SetDisabled(Actor by, string id, bool disabled)
    {
        var account = await Administered(by, id);
        if (account.Disabled == disabled) throw new RefusedException(RefusalKind.Conflict, $"{account.UserName} is {(disabled ? "disabled" : "not disabled")} already.");
        if (disabled && by.Id == id) throw new RefusedException(RefusalKind.Conflict, "Nobody disables their own account; another administrator has to do it.");
        if (disabled && account.Roles.Contains(Role.Admin) && !users.Users.Any(u => u.Id != id && u.Roles.Contains(Role.Admin) && (u.LockoutEnd == null || u.LockoutEnd < Account.Never)))
            throw new RefusedException(RefusalKind.Conflict, "This is the last administrator; make another one first.");
        // One commit, and the sessions of a disabled account are none from it on.
        account.LockoutEnd = disabled ? Account.Never : null;
        Succeed(await users.UpdateSecurityStampAsync(account));
        if (disabled) await EndSessions(by, id, null);
        await Changed(by, account, disabled ? "is disabled" : "is enabled again");
    }

    /// <summary>Ends the lock after wrong passwords before its time.</summary>
    public async Task Unlock(Actor by, string id)
    {
        var account = await Administered(by, id);
        if (account.Disabled || !await users.IsLockedOutAsync(account)) throw new RefusedException(RefusalKind.Conflict, $"{account.UserName} is {(account.Disabled ? "disabled" : "not locked")}.");
        Succeed(await users.SetLockoutEndDateAsync(account, null));
        Succeed(await users.ResetAccessFailedCountAsync(account));
        await Changed(by, account, "was unlocked");
    }

    /// <exception cref="RefusedException">There is no such account.</exception>
    public async Task<Account> ByName(string name) => await users.FindByNameAsync(name) ?? throw new RefusedException(RefusalKind.NotFound, $"There is no account '{name}'.", "name");

    private async Task<Account> Administered(Actor by, string id)
    {
        by.Require(Permission.Administer);
        return await users.FindByIdAsync(id) ?? throw new RefusedException(RefusalKind.NotFound, "There is no such account.");
    }

    /// <summary>Does a provider vouch for this account, so that only the provider lets it in?</summary>
    public async Task<bool> IsFromOutside(Account account) => account.PasswordHash is null && (await users.GetLoginsAsync(account)).Count > 0;

    public Task Changed(Actor by, Account account, string what) => Append(new AccountChanged(account.Id, account.UserName!, what, by.Person, time.GetUtcNow()), by);

    /// <summary>A token that nobody has renewed for a year is forgotten rather than needed.</summary>
    public static readonly TimeSpan LongestToken = TimeSpan.FromDays(366);

    private static void Succeed(IdentityResult result)
    {
        if (!result.Succeeded) throw new RefusedException(RefusalKind.Invalid, string.Join(" ", result.Errors.Select(e => e.Description)));
    }

    /// <summary>20 characters from an alphabet without look-alikes: over 100 bits.</summary>
    public static string RandomPassword() => RandomNumberGenerator.GetString("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", 20);

    private Task Append(IEvent e, Actor by) => journal.Record(Streams.Access, "accounts", e, by.Person, time.GetUtcNow());

    private static void CheckRoles(IReadOnlyList<string> roles)
    {
        if (roles.Count == 0) throw new RefusedException(RefusalKind.Invalid, $"Give at least one role of {string.Join(", ", Role.All)}.", "role");
        foreach (var role in roles.Except(Role.All, StringComparer.Ordinal))
            throw new RefusedException(RefusalKind.Invalid, $"'{role}' is no role; there are {string.Join(", ", Role.All)}.", "role");
    }
}
