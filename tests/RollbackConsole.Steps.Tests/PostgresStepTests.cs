using System.Text.Json;
using Npgsql;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Steps.Running;
using RollbackConsole.Tests;

namespace RollbackConsole.Steps.Tests;

public sealed class PostgresStepTests(TestCluster cluster)
{
    [Fact]
    public async Task A_backup_restores_the_whole_database()
    {
        var (steps, shop) = await Shop();
        Assert.Equal(StepStatus.Succeeded, (await steps.Run("postgres/backup", """{"database":"shop","file":"before.dump"}""")).Status);
        await Execute(shop, "drop table orders; create table intruder (n int)");
        Assert.Equal(StepStatus.Succeeded, (await steps.Run("postgres/restore", """{"database":"shop","file":"before.dump"}""")).Status);
        Assert.Equal(500L, await Execute(shop, "select count(*) from orders"));
    }

    [Fact]
    public async Task A_restore_that_fails_leaves_the_database_as_it_was()
    {
        var (steps, shop) = await Shop();
        await steps.Run("postgres/backup", """{"database":"shop","file":"before.dump"}""");
        // Something that --clean cannot drop: a view of another schema depends on the table.
        await Execute(shop, "create schema other; create view other.v as select id from orders; insert into orders (customer, total) values ('late', 1)");
        var result = await steps.Run("postgres/restore", """{"database":"shop","file":"before.dump"}""");
        Assert.Equal(StepStatus.Failed, result.Status);
        Assert.Equal(501L, await Execute(shop, "select count(*) from orders"));
    }

    [Fact]
    public async Task A_file_that_is_no_backup_fails_and_changes_nothing()
    {
        var (steps, shop) = await Shop();
        await File.WriteAllTextAsync(Path.Combine(steps.Directory, "junk.dump"), "this is no dump");
        Assert.Equal(StepStatus.Failed, (await steps.Run("postgres/restore", """{"database":"shop","file":"junk.dump"}""")).Status);
        Assert.Equal(StepStatus.Error, (await steps.Run("postgres/restore", """{"database":"shop","file":"absent.dump"}""")).Status);
        Assert.Equal(500L, await Execute(shop, "select count(*) from orders"));
    }

    [Fact]
    public async Task A_dropped_column_comes_back_from_a_copy_while_new_rows_stay()
    {
        var (steps, shop) = await Shop();
        await steps.Run("postgres/backup", """{"database":"shop","file":"before.dump"}""");
        await Execute(shop, "alter table orders drop column coupon; insert into orders (customer, total) values ('new', 9)");
        var copied = await steps.Run("postgres/restore", """{"database":"shop","file":"before.dump","tables":["orders"],"into":"back"}""");
        Assert.Equal(StepStatus.Succeeded, copied.Status);
        var truth = await steps.Run("postgres/snapshot", """{"database":"shop","tables":[{"name":"back.orders","as":"orders","key":"id","columns":["id","customer","total","coupon"]}]}""");
        var migrated = await steps.Run("postgres/migrate", """{"database":"shop","sql":"alter table orders add column coupon text; update orders o set coupon = b.coupon from back.orders b where b.id = o.id"}""");
        Assert.Equal(StepStatus.Succeeded, migrated.Status);
        var compared = await steps.Run("postgres/compare", JsonSerializer.Serialize(new { database = "shop", snapshot = truth.Outputs!["snapshot"] }));
        Assert.Equal(StepStatus.Succeeded, compared.Status);
        Assert.Equal(501L, await Execute(shop, "select count(*) from orders"));
        Assert.Equal(250L, await Execute(shop, "select count(coupon) from orders"));
    }

    [Theory]
    [InlineData("update orders set total = total + 1 where id = 77")]
    [InlineData("delete from orders where id = 500")]
    [InlineData("update orders set customer = (select customer from orders where id = 2) where id = 1; update orders set customer = 'customer-1' where id = 2")]
    public async Task A_difference_in_rows_or_values_is_found_and_marked_as_such(string change)
    {
        var (steps, shop) = await Shop();
        var before = await steps.Run("postgres/snapshot", """{"database":"shop","tables":[{"name":"orders","key":"id"}]}""");
        await Execute(shop, change);
        var compared = await steps.Run("postgres/compare", JsonSerializer.Serialize(new { database = "shop", snapshot = before.Outputs!["snapshot"] }));
        Assert.Equal((StepStatus.Failed, true), (compared.Status, compared.IntegrityDiffers));
    }

    [Fact]
    public async Task Rows_that_came_later_are_no_difference_with_a_key_and_are_one_without()
    {
        var (steps, shop) = await Shop();
        var keyed = await steps.Run("postgres/snapshot", """{"database":"shop","tables":[{"name":"orders","key":"id"}]}""");
        var whole = await steps.Run("postgres/snapshot", """{"database":"shop","tables":["orders"]}""");
        await Execute(shop, "insert into orders (customer, total) values ('later', 1)");
        Assert.Equal(StepStatus.Succeeded, (await steps.Run("postgres/compare", JsonSerializer.Serialize(new { database = "shop", snapshot = keyed.Outputs!["snapshot"] }))).Status);
        Assert.True((await steps.Run("postgres/compare", JsonSerializer.Serialize(new { database = "shop", snapshot = whole.Outputs!["snapshot"] }))).IntegrityDiffers);
    }

    [Fact]
    public async Task A_migration_that_fails_half_way_changes_nothing()
    {
        var (steps, shop) = await Shop();
        var result = await steps.Run("postgres/migrate", """{"database":"shop","sql":"update orders set total = 0; select 1/0;"}""");
        Assert.Equal(StepStatus.Failed, result.Status);
        Assert.NotEqual(0L, await Execute(shop, "select sum(total)::bigint from orders"));
        Assert.Contains(steps.Stream("err"), l => l.Contains("division by zero", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Variables_are_quoted_by_psql_and_never_become_sql()
    {
        var (steps, shop) = await Shop();
        var result = await steps.Run("postgres/migrate", """{"database":"shop","sql":"update orders set customer = :'who' where id = 1","variables":{"who":"x'; drop table orders; --"}}""");
        Assert.Equal(StepStatus.Succeeded, result.Status);
        Assert.Equal("x'; drop table orders; --", await Execute(shop, "select customer from orders where id = 1"));
    }

    [Fact]
    public async Task A_database_that_is_away_fails_with_its_reason()
    {
        var steps = new StepFixture(cluster.Folder(), ("Targets:Databases:gone", "Host=127.0.0.1;Port=1;Username=u;Password=hunter2secret;Database=d;Timeout=2"));
        Assert.Equal(StepStatus.Failed, (await steps.Run("postgres/backup", """{"database":"gone","file":"a.dump"}""")).Status);
        Assert.Equal(StepStatus.Error, (await steps.Run("postgres/snapshot", """{"database":"gone","tables":["t"]}""")).Status);
        Assert.False(File.Exists(Path.Combine(steps.Directory, "a.dump")));
    }

    [Fact]
    public async Task An_unknown_database_says_which_setting_is_missing()
    {
        var refused = await Assert.ThrowsAsync<StepInputException>(() => new StepFixture(cluster.Folder()).Run("postgres/backup", """{"database":"other","file":"a.dump"}"""));
        Assert.Contains("Targets__Databases__other", refused.Message, StringComparison.Ordinal);
    }

    private async Task<(StepFixture Steps, string Connection)> Shop()
    {
        var connection = await cluster.EmptyDatabase();
        await Execute(connection, """
            create table orders (id bigint generated always as identity primary key, customer text not null, total integer not null, coupon text, at timestamptz not null default now());
            create table "Odd Name" (id int, note text default 'it''s; fine');
            insert into orders (customer, total, coupon) select 'customer-' || n, n * 3, case when n % 2 = 0 then 'C' || n end from generate_series(1, 500) n
            """);
        return (new StepFixture(cluster.Folder(), ("Targets:Databases:shop", connection)), connection);
    }

    private static async Task<object?> Execute(string connection, string sql)
    {
        await using var source = NpgsqlDataSource.Create(connection);
        await using var command = source.CreateCommand(sql);
        return await command.ExecuteScalarAsync();
    }
}
