using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Npgsql;

namespace RollbackConsole.Store.Embedded;

/// <summary>The embedded cluster could not be made or started; the message says what to do.</summary>
public sealed class EmbeddedClusterException(string message) : Exception(message);

/// <summary>A PostgreSQL cluster of our own in a folder, on loopback, with a random password. Made on first start,
/// recovered by PostgreSQL itself after a kill, and adopted when it still runs because only the console died.</summary>
public sealed class EmbeddedCluster : IAsyncDisposable
{
    /// <summary>The system account that runs the server when the console runs as root, which PostgreSQL refuses to do.</summary>
    private const string Account = "postgres";

    private readonly string _bin;
    private readonly string _directory;
    private readonly FileStream _lock;

    private EmbeddedCluster(string bin, string directory, FileStream held)
    {
        _bin = bin;
        _directory = directory;
        _lock = held;
    }

    public string ConnectionString { get; private set; } = "";

    private string Cluster => Path.Combine(_directory, "cluster");

    private string PasswordFile => Path.Combine(_directory, "password");

    /// <exception cref="EmbeddedClusterException">No binaries, a folder in use or out of reach, or a server that will not start.</exception>
    public static async Task<EmbeddedCluster> Start(string directory, string database, CancellationToken ct)
    {
        var bin = PostgresBinaries.Find() ?? throw new EmbeddedClusterException(
            "PostgreSQL is not installed (no initdb under /usr/lib/postgresql or on the PATH). Install Debian's package 'postgresql', or set ConnectionStrings__Console to a server.");
        Directory.CreateDirectory(directory);
        FileStream held;
        try
        {
            held = new FileStream(Path.Combine(directory, "in-use"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            throw new EmbeddedClusterException($"Another console uses {directory}. Give this one its own Console__DataDirectory.");
        }
        var cluster = new EmbeddedCluster(bin, Path.GetFullPath(directory), held);
        try
        {
            await cluster.Start(database, ct);
            return cluster;
        }
        catch
        {
            await held.DisposeAsync();
            throw;
        }
    }

    /// <summary>How to reach a cluster that another process runs in this folder; null when none does.</summary>
    public static string? FindRunning(string directory, string database)
    {
        var pid = Path.Combine(directory, "cluster", "postmaster.pid");
        var password = Path.Combine(directory, "password");
        if (!File.Exists(pid) || !File.Exists(password)) return null;
        var lines = File.ReadAllLines(pid);
        return lines.Length > 3 ? Connection(int.Parse(lines[3]), File.ReadAllText(password), database) : null;
    }

    private async Task Start(string database, CancellationToken ct)
    {
        if (!File.Exists(Path.Combine(Cluster, "PG_VERSION"))) await Initialise(ct);
        var running = FindRunning(_directory, database);
        if (running is null || !await Answers(running, ct))
        {
            var port = FreePort();
            await Launch(port, ct);
            running = Connection(port, await File.ReadAllTextAsync(PasswordFile, ct), database);
        }
        ConnectionString = running;
        await EnsureDatabase(ConnectionString, ct);
    }

    private async Task Launch(int port, CancellationToken ct)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                await Run("pg_ctl", ["start", "-w", "-t", "60", "-D", Cluster, "-l", Path.Combine(Cluster, "server.log"), "-o",
                    $"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=200"], ct);
                return;
            }
            catch (EmbeddedClusterException e) when (tries < 5 && e.Message.Contains("shared memory block", StringComparison.Ordinal))
            {
                // The server was killed a moment ago and its last children still hold its memory.
                await Task.Delay(TimeSpan.FromSeconds(1), ct);
            }
        }
    }

    /// <summary>Makes the database of a connection string when it is not there yet.</summary>
    public static async Task EnsureDatabase(string connectionString, CancellationToken ct)
    {
        var builder = new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false };
        var name = builder.Database!;
        builder.Database = "postgres";
        await using var connection = new NpgsqlConnection(builder.ConnectionString);
        await connection.OpenAsync(ct);
        await using var exists = new NpgsqlCommand("select 1 from pg_database where datname = $1", connection) { Parameters = { new() { Value = name } } };
        if (await exists.ExecuteScalarAsync(ct) is not null) return;
        await using var create = new NpgsqlCommand($"create database \"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"", connection);
        await create.ExecuteNonQueryAsync(ct);
    }

    /// <summary>Stops the server: connections are closed, everything committed is on disk.</summary>
    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        try
        {
            await Run("pg_ctl", ["stop", "-w", "-m", "fast", "-D", Cluster], patience.Token);
        }
        finally
        {
            await _lock.DisposeAsync();
        }
    }

    private async Task Initialise(CancellationToken ct)
    {
        var password = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(24));
        // Made beside and renamed when complete: a first start that is cut off leaves nothing that looks like a cluster.
        var making = Cluster + ".new";
        foreach (var old in (string[])[making, Cluster])
            if (Directory.Exists(old)) Directory.Delete(old, recursive: true);
        Directory.CreateDirectory(making);
        await WriteSecret(PasswordFile, password, ct);
        var passwordForInit = Path.Combine(_directory, "init-password");
        await WriteSecret(passwordForInit, password, ct);
        try
        {
            if (Environment.IsPrivilegedProcess)
            {
                await Run("chown", [Account + ":", making, passwordForInit], ct, asServer: false);
                if (await RunForExit("test", ["-x", _directory], ct) != 0)
                    throw new EmbeddedClusterException($"The account '{Account}' cannot reach {_directory}; choose a Console__DataDirectory whose parent folders others may enter, or set ConnectionStrings__Console.");
            }
            await Run("initdb", ["-D", making, "-U", "console", "--auth=scram-sha-256", "--pwfile", passwordForInit, "--encoding=UTF8", "--locale=C.UTF-8"], ct);
            Directory.Move(making, Cluster);
        }
        finally
        {
            File.Delete(passwordForInit);
        }
    }

    /// <summary>For its owner only, from the first byte on.</summary>
    private static async Task WriteSecret(string file, string secret, CancellationToken ct)
    {
        File.Delete(file);
        await using var stream = new FileStream(file, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite });
        await stream.WriteAsync(System.Text.Encoding.UTF8.GetBytes(secret), ct);
    }

    private static string Connection(int port, string password, string database) => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1", Port = port, Username = "console", Password = password, Database = database, Timeout = 15, MaxPoolSize = 80,
    }.ConnectionString;

    private static async Task<bool> Answers(string connectionString, CancellationToken ct)
    {
        try
        {
            await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(connectionString) { Database = "postgres", Pooling = false, Timeout = 5 }.ConnectionString);
            await connection.OpenAsync(ct);
            return true;
        }
        catch (NpgsqlException)
        {
            // A stale postmaster.pid after a power cut, or a port that somebody else has by now: start our own.
            return false;
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private async Task Run(string program, string[] arguments, CancellationToken ct, bool asServer = true)
    {
        var output = new StringWriter();
        var code = await RunForExit(program, arguments, ct, output, asServer);
        if (code != 0)
            throw new EmbeddedClusterException($"{program} ended with {code}: {output.ToString().Trim()} {ServerLog()}".Trim());
    }

    private async Task<int> RunForExit(string program, string[] arguments, CancellationToken ct, StringWriter? output = null, bool asServer = true)
    {
        var path = Path.Combine(_bin, program);
        if (!File.Exists(path)) path = program;
        var start = new ProcessStartInfo { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false, WorkingDirectory = "/" };
        if (asServer && Environment.IsPrivilegedProcess)
        {
            start.FileName = "runuser";
            foreach (var argument in (string[])["-u", Account, "--", path]) start.ArgumentList.Add(argument);
        }
        else
        {
            start.FileName = path;
        }
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        using var process = Process.Start(start) ?? throw new EmbeddedClusterException($"{program} could not be started.");
        // pg_ctl leaves the server behind, which holds the pipes open: read lines as they come, wait for the process only.
        process.OutputDataReceived += (_, e) => { lock (output ?? (object)process) output?.WriteLine(e.Data); };
        process.ErrorDataReceived += (_, e) => { lock (output ?? (object)process) output?.WriteLine(e.Data); };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        while (!process.HasExited) await Task.Delay(20, ct);
        return process.ExitCode;
    }

    private string ServerLog()
    {
        var file = Path.Combine(Cluster, "server.log");
        return File.Exists(file) ? string.Join(" | ", File.ReadLines(file).TakeLast(5)) : "";
    }
}
