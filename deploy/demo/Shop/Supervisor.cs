using System.Diagnostics;
using System.Reflection;
using Npgsql;

namespace Shop;

/// <summary>Keeps the named release running, and the load and the prober with it.</summary>
public static class Supervisor
{
    private const int FirstOrders = 4000;

    public static async Task<int> Run(ShopSettings settings)
    {
        using var stop = new CancellationTokenSource();
        await Prepare(settings);
        _ = Task.Run(async () =>
        {
            // Our parent holds the other end: when it ends, however it ends, we end too.
            while (await Console.In.ReadLineAsync() is not null) { }
            await stop.CancelAsync();
        });
        var load = new Load(settings);
        try
        {
            await Task.WhenAll(KeepRunning(settings, stop.Token), load.Run(stop.Token), load.Probe(stop.Token));
        }
        catch (OperationCanceledException)
        {
            // Asked to end.
        }
        return 0;
    }

    private static async Task KeepRunning(ShopSettings settings, CancellationToken ct)
    {
        Process? process = null;
        var running = "";
        try
        {
            while (true)
            {
                var wanted = (await File.ReadAllTextAsync(settings.CurrentFile, ct)).Trim();
                if (wanted != running || process is null || process.HasExited)
                {
                    End(process);
                    process = Serve(settings, wanted);
                    running = wanted;
                    Console.WriteLine($"Release {wanted} starts as process {process.Id}");
                }
                await Task.Delay(100, ct);
            }
        }
        finally
        {
            End(process);
        }
    }

    private static Process Serve(ShopSettings settings, string release)
    {
        var start = new ProcessStartInfo("dotnet", [Assembly.GetExecutingAssembly().Location, "serve", release]) { UseShellExecute = false, RedirectStandardInput = true };
        start.Environment["SHOP_DIRECTORY"] = settings.Directory;
        start.Environment["SHOP_PORT"] = $"{settings.Port}";
        start.Environment["SHOP_DATABASE"] = settings.Database;
        return Process.Start(start)!;
    }

    private static void End(Process? process)
    {
        if (process is null || process.HasExited) return;
        process.StandardInput.Close();
        if (!process.WaitForExit(3000)) process.Kill();
    }

    /// <summary>Database, scripts and the first release; what is there already stays.</summary>
    private static async Task Prepare(ShopSettings settings)
    {
        await File.WriteAllTextAsync(Path.Combine(settings.Directory, "shop.database"), settings.Database);
        File.SetUnixFileMode(Path.Combine(settings.Directory, "shop.database"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        foreach (var name in (string[])["release", "intake", "ship"])
        {
            var script = Path.Combine(settings.Directory, name);
            await File.WriteAllTextAsync(script, $"#!/usr/bin/env bash\n# Written by the demo shop's supervisor.\ncd \"$(dirname \"$0\")\" && exec dotnet '{Assembly.GetExecutingAssembly().Location}' {name} \"$@\"\n");
            File.SetUnixFileMode(script, (UnixFileMode)0b111_101_101);
        }
        if (!File.Exists(settings.CurrentFile)) await File.WriteAllTextAsync(settings.CurrentFile, "v1");
        await using var database = NpgsqlDataSource.Create(settings.Database);
        await using var create = database.CreateCommand($"""
            do $$ begin
                if to_regclass('public.orders') is null then
                    create table orders (
                        id bigint generated always as identity primary key, customer text not null, zone text not null,
                        total_cents integer not null, coupon text, created_at timestamptz not null default now());
                    insert into orders (customer, zone, total_cents, coupon)
                    select 'customer-' || (n % 700), (array['1', '2', 'EU-1', '3', 'EU-2'])[1 + n % 5], 500 + (n * 37) % 20000,
                           case when n % 3 = 0 then 'SAVE' || (n % 50) end
                    from generate_series(1, {FirstOrders}) n;
                end if;
            end $$
            """);
        await create.ExecuteNonQueryAsync();
    }
}
