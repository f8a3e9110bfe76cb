using System.Diagnostics;
using System.Text.Json;
using Npgsql;

namespace Shop;

/// <summary>Deploys and switches releases, as a delivery pipeline would.</summary>
public static class Releases
{
    /// <summary>A release starts in about a second; half a minute means it never will.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Sets how many of a hundred new orders are taken.</summary>
    public static async Task<int> Intake(ShopSettings settings, string share)
    {
        if (!int.TryParse(share, out var percent) || percent is < 0 or > 100)
        {
            await Console.Error.WriteLineAsync($"'{share}' is no percentage from 0 to 100.");
            return 2;
        }
        await File.WriteAllTextAsync(settings.IntakeFile + ".new", $"{percent}");
        File.Move(settings.IntakeFile + ".new", settings.IntakeFile, overwrite: true);
        Console.WriteLine(percent == 0 ? "The shop is read-only: no new order is taken." : $"The shop takes {percent} of 100 new orders.");
        return 0;
    }

    /// <summary>Names the release that should run and waits until it answers.</summary>
    public static async Task<int> Switch(ShopSettings settings, string version)
    {
        if (version is not ("v1" or "v2"))
        {
            await Console.Error.WriteLineAsync($"There is no release {version}; there are v1 and v2.");
            return 2;
        }
        Console.WriteLine($"Running now: {await Running(settings) ?? "nothing"}");
        // In one piece: the supervisor must never read half a name.
        await File.WriteAllTextAsync(settings.CurrentFile + ".new", version);
        File.Move(settings.CurrentFile + ".new", settings.CurrentFile, overwrite: true);
        var started = Stopwatch.GetTimestamp();
        while (await Running(settings) != version)
        {
            if (Stopwatch.GetElapsedTime(started) > Patience)
            {
                await Console.Error.WriteLineAsync($"Release {version} does not answer after {Patience.TotalSeconds:0} s.");
                return 1;
            }
            await Task.Delay(200);
        }
        Console.WriteLine($"Release {version} answers at {settings.Url} after {Stopwatch.GetElapsedTime(started).TotalSeconds:0.0} s");
        if (Environment.GetEnvironmentVariable("ROLLBACK_CONSOLE_OUTPUTS") is { } outputs)
            await File.WriteAllTextAsync(outputs, $"url={settings.Url}\nrelease={version}\n");
        return 0;
    }

    /// <summary>Rollback point, migration, switch.</summary>
    public static async Task<int> Ship(ShopSettings settings, string version)
    {
        if (version == "v2")
        {
            var points = Path.Combine(settings.Directory, "rollback-points");
            Directory.CreateDirectory(points);
            if (!await HasCoupon(settings))
            {
                await Console.Error.WriteLineAsync("Release v2 is shipped already: the column orders.coupon is gone.");
                return 1;
            }
            Console.WriteLine("Taking the rollback point before v2");
            var dumped = await Dump(settings, Path.Combine(points, "before-v2.dump"));
            if (dumped != 0) return dumped;
            Console.WriteLine("Migration 2: dropping orders.coupon");
            await using var database = NpgsqlDataSource.Create(settings.Database);
            await using var migrate = database.CreateCommand("alter table orders drop column coupon");
            await migrate.ExecuteNonQueryAsync();
        }
        return await Switch(settings, version);
    }

    public static async Task<string?> Running(ShopSettings settings)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(2) };
        try
        {
            using var answer = JsonDocument.Parse(await http.GetStringAsync(settings.Url + "/version"));
            return answer.RootElement.GetProperty("release").GetString();
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            return null;
        }
    }

    private static async Task<bool> HasCoupon(ShopSettings settings)
    {
        await using var database = NpgsqlDataSource.Create(settings.Database);
        await using var command = database.CreateCommand("select 1 from information_schema.columns where table_name = 'orders' and table_schema = 'public' and column_name = 'coupon'");
        return await command.ExecuteScalarAsync() is not null;
    }

    private static async Task<int> Dump(ShopSettings settings, string file)
    {
        var connection = new NpgsqlConnectionStringBuilder(settings.Database);
        var start = new ProcessStartInfo("pg_dump", ["--format=custom", "--no-password", "--file", file]) { UseShellExecute = false };
        start.Environment["PGHOST"] = connection.Host;
        start.Environment["PGPORT"] = $"{connection.Port}";
        start.Environment["PGUSER"] = connection.Username;
        start.Environment["PGPASSWORD"] = connection.Password;
        start.Environment["PGDATABASE"] = connection.Database;
        using var process = Process.Start(start)!;
        await process.WaitForExitAsync();
        return process.ExitCode;
    }
}
