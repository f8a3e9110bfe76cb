using System.Net;
using System.Net.Sockets;
using RollbackConsole.Store.Embedded;

namespace RollbackConsole.Web.Drills;

/// <summary>The demo shop's surroundings: its own PostgreSQL cluster and folder, and the settings under which plans and drills find them.</summary>
public sealed record DemoTarget(EmbeddedCluster Cluster, string Folder, int Port, IReadOnlyDictionary<string, string?> Settings)
{
    public static async Task<DemoTarget> Prepare(string dataDirectory, int port, CancellationToken ct)
    {
        var folder = Path.Combine(dataDirectory, "demo");
        Directory.CreateDirectory(folder);
        var cluster = await EmbeddedCluster.Start(Path.Combine(folder, "postgres"), "shop", ct);
        if (port == 0) port = FreePort();
        await File.WriteAllTextAsync(Path.Combine(folder, "shop.port"), $"{port}", ct);
        return new DemoTarget(cluster, folder, port, SettingsFor(folder, cluster.ConnectionString));
    }

    /// <summary>The same settings for the command line, while the console runs the demo; empty when it does not.</summary>
    public static IReadOnlyDictionary<string, string?> Running(string dataDirectory)
    {
        var folder = Path.Combine(dataDirectory, "demo");
        return EmbeddedCluster.FindRunning(Path.Combine(folder, "postgres"), "shop") is { } connection ? SettingsFor(folder, connection) : new Dictionary<string, string?>();
    }

    private static Dictionary<string, string?> SettingsFor(string folder, string connection) => new(StringComparer.OrdinalIgnoreCase)
    {
        ["Targets:Databases:shop"] = connection,
        ["Targets:Directories:shop"] = folder,
        ["Drills:shop:Title"] = "Ship the bad release to the demo shop",
        ["Drills:shop:Consequence"] = "Release v2 goes live on the demo shop: about 40 % of its requests will fail, and its migration drops the column orders.coupon.",
        ["Drills:shop:Directory"] = "shop",
        ["Drills:shop:Command:0"] = "./ship",
        ["Drills:shop:Command:1"] = "v2",
    };

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
