namespace Shop;

/// <summary>Where the shop lives. The supervisor gets it as variables; its scripts find it in the folder.</summary>
public sealed record ShopSettings(string Directory, int Port, string Database, string ConsoleUrl, string ConsoleToken)
{
    public string Url => $"http://127.0.0.1:{Port}";

    /// <summary>Names the release that should run.</summary>
    public string CurrentFile => Path.Combine(Directory, "current");

    /// <summary>Holds the percentage of new orders that are taken.</summary>
    public string IntakeFile => Path.Combine(Directory, "intake-share");

    public static ShopSettings FromEnvironment()
    {
        var directory = Environment.GetEnvironmentVariable("SHOP_DIRECTORY") ?? System.IO.Directory.GetCurrentDirectory();
        return new ShopSettings(
            directory,
            int.Parse(Environment.GetEnvironmentVariable("SHOP_PORT") ?? Read("shop.port") ?? "0"),
            Environment.GetEnvironmentVariable("SHOP_DATABASE") ?? Read("shop.database") ?? "",
            Environment.GetEnvironmentVariable("CONSOLE_URL") ?? "",
            Environment.GetEnvironmentVariable("CONSOLE_TOKEN") ?? "");

        string? Read(string name) => File.Exists(Path.Combine(directory, name)) ? File.ReadAllText(Path.Combine(directory, name)).Trim() : null;
    }
}
