using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Library;
using RollbackConsole.Engine.Drills;
using RollbackConsole.Engine.Journal;
using RollbackConsole.Engine.Library;
using RollbackConsole.Engine.Plans;
using RollbackConsole.Store.Embedded;
using RollbackConsole.Store.Journal;
using RollbackConsole.Web.Access;
using RollbackConsole.Web.Setup;

namespace RollbackConsole.Web.Cli;

/// <summary>The admin command line: the same settings, the same database, without the server.</summary>
public static class AdminCli
{
    private const string Usage = """
        usage: console COMMAND
          token create --name N --role R… [--group G…] [--expires 90d] [--scope P…] [--owner ACCOUNT]
                                                            prints the token once
          user create --name N --role R… [--group G…]       reads the password from --password or prints a random one
          user reset --name N                               prints a new one-time password; every session of the account ends
          user reset-second-factor --name N                 takes a lost second factor and all passkeys off
          user disable|enable|unlock --name N               closes an account, opens it again, ends a lock after wrong passwords
          library import DIR                                keeps every document of DIR
          library check DIR                                 reads them only
          plan preview FILE [--set k=v…] [--service S] [--environment E]
          drill run NAME                                    breaks a target on purpose
          audit verify [--file EXPORT] [--checkpoints FILE] [--key PUBLIC]
                                                            recomputes the journal's hash chain and holds it against signed checkpoints;
                                                            FILE may be a folder, PUBLIC is audit-key.pub.pem of the data directory when left out
          audit export FILE                                 writes the journal as JSON lines
        """;

    /// <summary>0 when done, 1 when refused or failed, 2 when the words make no command.</summary>
    public static async Task<int> Run(string[] args, TextWriter output, TextWriter errors, CancellationToken ct)
    {
        try
        {
            if (args.Any(a => a is "--help" or "-h")) return await Help(args, output, errors);
            var line = Arguments.Parse(args);
            return line.Words switch
            {
                ["token", "create"] when line.Only("name", "role", "group", "expires", "scope", "owner") is not null => await CliHost.With(async s =>
                {
                    await output.WriteLineAsync(await CliHost.Scoped(s, a => a.CreateToken(SystemActor.CommandLine, line.One("name"), line.Many("role"), line.Many("group"), Length(line.OneOrNull("expires")), line.Many("scope"), line.OneOrNull("owner"))));
                    return 0;
                }, ct),
                ["user", "create"] when line.Only("name", "role", "group", "password") is not null => await CliHost.With(async s =>
                {
                    var password = line.OneOrNull("password") ?? Accounts.RandomPassword();
                    await CliHost.Scoped(s, a => a.Create(SystemActor.CommandLine, line.One("name"), password, line.Many("role"), line.Many("group")));
                    if (line.OneOrNull("password") is null) await output.WriteLineAsync($"One-time password of '{line.One("name")}': {password}");
                    return 0;
                }, ct),
                ["user", "reset" or "reset-second-factor" or "disable" or "enable" or "unlock"] when line.Only("name") is not null => await CliHost.With(async s =>
                {
                    await output.WriteLineAsync(await CliHost.Scoped(s, a => Administer(a, line.Words[1], line.One("name"))));
                    return 0;
                }, ct),
                ["library", "import", var directory] when line.Only() is not null => await CliHost.With(async s =>
                {
                    foreach (var (name, version, digest) in await s.GetRequiredService<LibraryImport>().Import(Existing(directory), SystemActor.Library, Arrival.Put, ct))
                        await output.WriteLineAsync($"{name} version {version} {digest}");
                    return 0;
                }, ct),
                ["library", "check", var directory] when line.Only() is not null => await Check(Existing(directory), output),
                ["plan", "preview", var file] when line.Only("set", "service", "environment") is not null => await Preview(file, line, output, ct),
                ["drill", "run", var name] when line.Only() is not null => await CliHost.With(async s =>
                {
                    foreach (var l in await s.GetRequiredService<DrillRunner>().Run(SystemActor.CommandLine, name, ct)) await output.WriteLineAsync(l);
                    return 0;
                }, ct),
                ["audit", "verify"] when line.Only("file", "checkpoints", "key") is not null => await Verify(line, output, ct),
                ["audit", "export", var file] when line.Only() is not null => await CliHost.With(async s =>
                {
                    await output.WriteLineAsync($"{await AuditFile.Export(s.GetRequiredService<EventJournal>(), file, ct)} rows written to {file}");
                    return 0;
                }, ct),
                _ => await Help(args, output, errors),
            };
        }
        catch (UsageException e)
        {
            await errors.WriteLineAsync(e.Message);
            return 2;
        }
        catch (Exception e) when (e is RefusedException or InvalidDocumentException or InvalidSettingsException or EmbeddedClusterException or System.Security.Cryptography.CryptographicException or ArgumentException or IOException or UnauthorizedAccessException or Npgsql.NpgsqlException)
        {
            await errors.WriteLineAsync(e.Message);
            return 1;
        }
    }

    private static async Task<int> Help(string[] args, TextWriter output, TextWriter errors)
    {
        var asked = args[0] == "help" || args.Any(a => a is "--help" or "-h");
        await (asked ? output : errors).WriteLineAsync(Usage);
        return asked ? 0 : 2;
    }

    /// <returns>What was done, in a sentence.</returns>
    private static async Task<string> Administer(Accounts accounts, string what, string name)
    {
        var account = await accounts.ByName(name);
        switch (what)
        {
            case "reset": return $"One-time password of '{account.UserName}': {await accounts.ResetPassword(SystemActor.CommandLine, account.Id)}";
            case "reset-second-factor":
                await accounts.ResetSecondFactor(SystemActor.CommandLine, account.Id);
                return $"'{account.UserName}' signs in with the password alone, until they set a second factor up again.";
            case "unlock":
                await accounts.Unlock(SystemActor.CommandLine, account.Id);
                return $"'{account.UserName}' can sign in again.";
            default:
                await accounts.SetDisabled(SystemActor.CommandLine, account.Id, what == "disable");
                return $"'{account.UserName}' is {what}d.";
        }
    }

    /// <summary>An export needs neither database nor console: only the file, the checkpoints and the public key.</summary>
    private static async Task<int> Verify(Arguments line, TextWriter output, CancellationToken ct)
    {
        List<Checkpoint>? checkpoints = null;
        if (line.OneOrNull("checkpoints") is { } path)
        {
            if (!File.Exists(path) && !Directory.Exists(path)) throw new UsageException($"--checkpoints: {path} is not there.");
            var file = line.OneOrNull("key") ?? Path.Combine(CliHost.DataDirectory(), CheckpointKey.PublicFile);
            if (!File.Exists(file)) throw new UsageException($"The public key {file} is not there; name it with --key.");
            using var key = CheckpointKey.ReadPublic(file);
            (checkpoints, var faults) = await CheckpointFile.Read(path, key, ct);
            if (faults.Count > 0)
            {
                foreach (var fault in faults) await output.WriteLineAsync(fault);
                return 1;
            }
        }
        else if (line.OneOrNull("key") is not null) throw new UsageException("--key needs --checkpoints.");
        return line.OneOrNull("file") is { } export
            ? await Report(await AuditFile.Verify(export, ct, checkpoints), output)
            : await CliHost.With(async s => await Report(checkpoints is null ? await s.GetRequiredService<CheckpointWriter>().Verify(ct) : await ChainVerifier.Verify(s.GetRequiredService<EventJournal>(), ct, checkpoints), output), ct);
    }

    private static TimeSpan? Length(string? text) => text is null ? null : Duration.TryParse(text, out var length) ? length : throw new UsageException($"--expires {text}: write a duration such as 90d or 12h.");

    private static async Task<int> Report(ChainReport report, TextWriter output)
    {
        await output.WriteLineAsync(report.Summary);
        return report.Holds ? 0 : 1;
    }

    private static async Task<int> Check(string directory, TextWriter output)
    {
        await using var services = CliHost.Library();
        var bad = 0;
        foreach (var reading in services.GetRequiredService<LibraryImport>().Check(directory))
        {
            foreach (var (kind, e) in reading.Errors.Select(e => ("error", e)).Concat(reading.Warnings.Select(w => ("warning", w))))
                await output.WriteLineAsync($"{reading.File}:{e.Line}:{e.Column}: {kind}: {e.Message}");
            await output.WriteLineAsync(reading.Errors.Count == 0 ? $"{reading.File}: {reading.Name} {reading.Digest}" : $"{reading.File}: refused");
            bad += reading.Errors.Count == 0 ? 0 : 1;
        }
        return bad == 0 ? 0 : 1;
    }

    private static async Task<int> Preview(string file, Arguments line, TextWriter output, CancellationToken ct)
    {
        await using var services = CliHost.Library();
        var reading = services.GetRequiredService<PlanLibrary>().Read(await File.ReadAllTextAsync(file, ct));
        if (!reading.Valid) throw new InvalidDocumentException(reading.Errors);
        var values = line.Pairs("set");
        var steps = await services.GetRequiredService<PlanPreview>().Of(reading.Plan!, values, line.OneOrNull("service") ?? reading.Plan!.Service ?? "",
            line.OneOrNull("environment") ?? "production", Domain.Incidents.Incident.None, "preview", "preview", ct);
        foreach (var step in steps)
        {
            await output.WriteLineAsync($"{step.Id}: {step.Title} ({step.Uses}, {step.Effect.ToString().ToLowerInvariant()}, up to {Duration.Format(step.Timeout)}{(step.Destructive ? ", can lose data" : "")})");
            foreach (var does in step.Does) await output.WriteLineAsync("    " + does);
            if (step.Problem is { } problem) await output.WriteLineAsync("    ! " + problem);
        }
        return steps.Any(s => s.Problem is not null) ? 1 : 0;
    }

    private static string Existing(string directory) => Directory.Exists(directory) ? directory : throw new UsageException($"The folder {directory} is not there.");
}
