using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace RollbackConsole.Store.Access;

/// <summary>A person's account. Roles and groups are plain lists: there are six roles, and policies name the groups.</summary>
public sealed class Account : IdentityUser
{
    public List<string> Roles { get; set; } = [];
    public List<string> Groups { get; set; } = [];
    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>The end of a lock that an administrator has set; one after wrong passwords ends within minutes.</summary>
    public static readonly DateTimeOffset Never = new(9000, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary><see cref="Disabled"/> in SQL, of accounts under the name <c>a</c>.</summary>
    internal const string IsDisabled = "(a.lockout_end is not null and a.lockout_end >= '9000-01-01T00:00:00Z')";

    [System.ComponentModel.DataAnnotations.Schema.NotMapped]
    public bool Disabled => LockoutEnd >= Never;
}

/// <summary>The tables of ASP.NET Core Identity, and the carrier of the numbered migrations.</summary>
public sealed partial class AccountsDb(DbContextOptions<AccountsDb> options) : IdentityUserContext<Account>(options)
{
    protected override void OnConfiguring(DbContextOptionsBuilder optionsBuilder) =>
        // The schema is written by hand in numbered .sql files; there is no snapshot to compare with.
        optionsBuilder.ConfigureWarnings(w => w.Ignore(RelationalEventId.PendingModelChangesWarning));

    protected override void OnModelCreating(ModelBuilder builder)
    {
        base.OnModelCreating(builder);
        builder.Entity<Account>().ToTable("accounts");
        builder.Entity<IdentityUserClaim<string>>().ToTable("account_claims");
        builder.Entity<IdentityUserLogin<string>>().ToTable("account_logins");
        builder.Entity<IdentityUserToken<string>>().ToTable("account_tokens");
        builder.Entity<IdentityUserPasskey<string>>(b =>
        {
            b.ToTable("account_passkeys");
            b.HasKey(p => p.CredentialId);
            b.OwnsOne(p => p.Data).ToJson("data");
        });
        foreach (var property in builder.Model.GetEntityTypes().Where(t => !t.IsMappedToJson()).SelectMany(t => t.GetProperties()))
            property.SetColumnName(WordStart().Replace(property.Name, "_$0").ToLowerInvariant());
    }

    [GeneratedRegex("(?<!^)[A-Z]", RegexOptions.None, 1000)]
    private static partial Regex WordStart();
}
