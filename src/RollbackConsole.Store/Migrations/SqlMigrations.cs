using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace RollbackConsole.Store.Migrations;

/// <summary>A migration that is a numbered .sql file. EF keeps the history table and the lock; there is no way down:
/// a release that must go back restores the console's own backup.</summary>
public abstract class SqlMigration(string file) : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        using var stream = typeof(SqlMigration).Assembly.GetManifestResourceStream(file)
            ?? throw new InvalidOperationException($"The migration {file} is not embedded.");
        using var reader = new StreamReader(stream);
        migrationBuilder.Sql(reader.ReadToEnd());
    }
}

[DbContext(typeof(Access.AccountsDb)), Migration("0001_journal")]
public sealed class JournalMigration() : SqlMigration("0001_journal.sql");

[DbContext(typeof(Access.AccountsDb)), Migration("0002_rooms")]
public sealed class RoomsMigration() : SqlMigration("0002_rooms.sql");

[DbContext(typeof(Access.AccountsDb)), Migration("0003_access")]
public sealed class AccessMigration() : SqlMigration("0003_access.sql");

[DbContext(typeof(Access.AccountsDb)), Migration("0004_instance")]
public sealed class InstanceMigration() : SqlMigration("0004_instance.sql");

[DbContext(typeof(Access.AccountsDb)), Migration("0005_decide")]
public sealed class DecideMigration() : SqlMigration("0005_decide.sql");

[DbContext(typeof(Access.AccountsDb)), Migration("0006_trust")]
public sealed class TrustMigration() : SqlMigration("0006_trust.sql");

[DbContext(typeof(Access.AccountsDb)), Migration("0007_targets")]
public sealed class TargetsMigration() : SqlMigration("0007_targets.sql");
