using System.Security.Cryptography;
using Microsoft.AspNetCore.Identity;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Store.Access;
using RollbackConsole.Store.Journal;

namespace RollbackConsole.Web.Access;

/// <summary>Makes accounts and tokens, and journals that it did.</summary>
public sealed class Accounts(UserManager<Account> users, ApiTokens tokens, EventJournal journal, TimeProvider time)
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
        return account.Roles.Any(r => Domain.Access.Access.Allows(r, needs))
            ? new Person(account.Id, account.UserName!)
            : throw new RefusedException(RefusalKind.Invalid, $"{name} has none of the roles {string.Join(", ", Domain.Access.Access.RolesFor(needs))}.", field);
    }

    /// <summary>The accounts that may do something, by name.</summary>
    public async Task<IReadOnlyList<Person>> Who(Permission may)
    {
        var roles = Domain.Access.Access.RolesFor(may);
        return [.. (await Microsoft.EntityFrameworkCore.EntityFrameworkQueryableExtensions.ToListAsync(users.Users.OrderBy(u => u.UserName)))
            .Where(u => u.Roles.Any(r => roles.Contains(r, StringComparer.Ordinal))).Select(u => new Person(u.Id, u.UserName!))];
    }

    /// <summary>The token; it is shown now and never again.</summary>
    public async Task<string> CreateToken(Actor by, string name, IReadOnlyList<string> roles, IReadOnlyList<string> groups)
    {
        by.Require(Permission.Administer);
        CheckRoles(roles);
        if (string.IsNullOrWhiteSpace(name) || name.Length > 100) throw new RefusedException(RefusalKind.Invalid, "A token needs a name of at most 100 characters.", "name");
        var (id, token) = await tokens.Create(name, roles, groups, time.GetUtcNow());
        await Append(new TokenCreated(id, name, roles, groups, by.Person, time.GetUtcNow()), by);
        return token;
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
