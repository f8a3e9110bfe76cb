using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using RollbackConsole.Store.Access;
using RollbackConsole.Store.Communication;
using RollbackConsole.Store.Incidents;
using RollbackConsole.Store.Journal;
using RollbackConsole.Store.Library;
using RollbackConsole.Store.Plans;
using RollbackConsole.Store.Runs;
using RollbackConsole.Store.Signals;

namespace RollbackConsole.Store;

public static class StoreSetup
{
    public static IServiceCollection AddStore(this IServiceCollection services, string connectionString)
    {
        services.AddSingleton(_ => Connect(connectionString));
        services.AddDbContext<AccountsDb>((s, o) => o.UseNpgsql(s.GetRequiredService<NpgsqlDataSource>()));
        services.AddSingleton<EventJournal>().AddSingleton<IncidentRows>().AddSingleton<PlanRows>().AddSingleton<RunRows>()
            .AddSingleton<RunLeases>().AddSingleton<LogLines>().AddSingleton<MetricPoints>().AddSingleton<ApiTokens>().AddSingleton<Sessions>()
            .AddSingleton<LibraryRows>().AddSingleton<AlertRows>().AddSingleton<QueryStates>().AddSingleton<Outbox>()
            .AddSingleton<KeyRing>().AddSingleton<IdempotencyKeys>().AddSingleton<ChangeFeed>();
        services.AddHostedService(s => s.GetRequiredService<ChangeFeed>());
        return services;
    }

    /// <summary>Whoever leaves a transaction alone for this long is frozen or gone, and PostgreSQL ends its session. The two that hold a turn while other connections do the work
    /// (<see cref="HoldTurn"/>) have longer.</summary>
    private static readonly TimeSpan LongestIdleTransaction = TimeSpan.FromSeconds(20);

    /// <summary>To be sent first in a transaction that only holds a turn: a storm takes its time, and the turn must not be lost in the middle of it.</summary>
    public const string HoldTurn = "set local idle_in_transaction_session_timeout = '5min'; ";

    /// <summary>PostgreSQL is away, or has sent us away: it is worth another try.</summary>
    public static bool IsAway(NpgsqlException e) => e is not PostgresException p || p.IsTransient || p.SqlState == "25P03" || p.SqlState.StartsWith("57", StringComparison.Ordinal);

    /// <summary>Statements are prepared once they repeat: the engine sends the same few thousands of times.</summary>
    public static NpgsqlDataSource Connect(string connectionString)
    {
        var builder = new NpgsqlDataSourceBuilder(connectionString);
        builder.ConnectionStringBuilder.MaxAutoPrepare = 50;
        builder.ConnectionStringBuilder.ApplicationName ??= "rollback-console";
        // A node that froze in the middle of a transaction must not keep its locks from the others for ever.
        builder.ConnectionStringBuilder.Options = $"{builder.ConnectionStringBuilder.Options} -c idle_in_transaction_session_timeout={(int)LongestIdleTransaction.TotalMilliseconds}".Trim();
        return builder.Build();
    }

    /// <summary>The installation's own name; every node on this database has the same.</summary>
    public static async Task<string> InstanceName(NpgsqlDataSource source, CancellationToken ct)
    {
        await using var command = source.CreateCommand("select id from instance");
        return (string)(await command.ExecuteScalarAsync(ct))!;
    }

    /// <summary>Brings the schema up to date. Several nodes may try at once: EF locks its history table, which on a new database
    /// is not there yet, so a lock of our own lets one through at a time.</summary>
    public static async Task Migrate(NpgsqlDataSource source, CancellationToken ct)
    {
        await using var connection = await source.OpenConnectionAsync(ct);
        await using (var turn = new NpgsqlCommand("select pg_advisory_lock(720300)", connection)) await turn.ExecuteNonQueryAsync(ct);
        await using var db = new AccountsDb(new DbContextOptionsBuilder<AccountsDb>().UseNpgsql(source).Options);
        await db.Database.MigrateAsync(ct);
        await using (var done = new NpgsqlCommand("select pg_advisory_unlock(720300)", connection)) await done.ExecuteNonQueryAsync(ct);
    }
}
