namespace RollbackConsole.Store.Embedded;

/// <summary>Finds the server's programs where distributions put them.</summary>
public static class PostgresBinaries
{
    /// <summary>The folder with <c>initdb</c> and <c>pg_ctl</c>: the newest Debian version, or whatever the PATH holds; null when there is none.</summary>
    public static string? Find()
    {
        const string Debian = "/usr/lib/postgresql";
        var versions = Directory.Exists(Debian)
            ? Directory.GetDirectories(Debian).OrderByDescending(d => int.TryParse(Path.GetFileName(d), out var n) ? n : 0).Select(d => Path.Combine(d, "bin"))
            : [];
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        return versions.Concat(path).FirstOrDefault(d => File.Exists(Path.Combine(d, "initdb")) && File.Exists(Path.Combine(d, "pg_ctl")));
    }
}
