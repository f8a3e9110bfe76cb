using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using RollbackConsole.Domain.Journal;

namespace RollbackConsole.Store.Journal;

/// <summary>What the chain's hash was at a position, signed, and kept where whoever owns the database cannot reach it.</summary>
/// <param name="Previous">The signature of the checkpoint before it in the same file: a line that was taken out shows.</param>
public sealed record Checkpoint(long Position, string Hash, DateTimeOffset At, string Node, string Previous, string Signature)
{
    /// <summary>What the signature covers.</summary>
    private byte[] Signed => Encoding.UTF8.GetBytes(string.Join('\n', Position.ToString(CultureInfo.InvariantCulture), Hash, At.UtcDateTime.ToString("O", CultureInfo.InvariantCulture), Node, Previous));

    public static Checkpoint Sign(long position, string hash, DateTimeOffset at, string node, string previous, ECDsa key)
    {
        var open = new Checkpoint(position, hash, at, node, previous, "");
        return open with { Signature = Convert.ToBase64String(key.SignData(open.Signed, HashAlgorithmName.SHA256)) };
    }

    public bool IsSignedBy(ECDsa key)
    {
        Span<byte> signature = stackalloc byte[256];
        return Signature is not null && Hash is not null && Convert.TryFromBase64String(Signature, signature, out var length) && key.VerifyData(Signed, signature[..length], HashAlgorithmName.SHA256);
    }

    public string ToLine() => JsonSerializer.Serialize(this, DomainJson.Options);
}

/// <summary>Files of checkpoints: one line each, only ever appended to.</summary>
public static class CheckpointFile
{
    /// <summary>Reads a file, or every <c>*.jsonl</c> of a folder.</summary>
    /// <returns>The checkpoints by position, and what is wrong with the files themselves.</returns>
    public static async Task<(List<Checkpoint> Checkpoints, List<string> Faults)> Read(string path, ECDsa key, CancellationToken ct)
    {
        var all = new List<Checkpoint>();
        var faults = new List<string>();
        string[] files = Directory.Exists(path) ? [.. Directory.EnumerateFiles(path, "*.jsonl").Order(StringComparer.Ordinal)] : [path];
        foreach (var file in files)
        {
            var previous = "";
            var number = 0;
            foreach (var line in await File.ReadAllLinesAsync(file, ct))
            {
                number++;
                if (Parse(line) is not { } checkpoint) faults.Add($"Line {number} of {Path.GetFileName(file)} is no checkpoint.");
                else if (!checkpoint.IsSignedBy(key)) faults.Add($"The checkpoint at position {checkpoint.Position} ({Path.GetFileName(file)}, line {number}) is not signed by the console's key: it was forged or changed.");
                else if (checkpoint.Previous != previous) faults.Add($"Before the checkpoint at position {checkpoint.Position} ({Path.GetFileName(file)}, line {number}) others were taken out.");
                else all.Add(checkpoint);
                previous = Parse(line)?.Signature ?? previous;
            }
        }
        return ([.. all.OrderBy(c => c.Position)], faults);
    }

    /// <summary>Reads what one key has signed in a folder that several nodes share, whatever the node was called or where it listened then.</summary>
    /// <param name="own">The file that must be this key's alone, when it is there.</param>
    /// <returns>As <see cref="Read"/>, and how many files are wholly other nodes'.</returns>
    public static async Task<(List<Checkpoint> Checkpoints, List<string> Faults, int Others)> ReadSigned(string folder, string own, ECDsa key, CancellationToken ct)
    {
        var (all, faults, others) = (new List<Checkpoint>(), new List<string>(), 0);
        foreach (var file in Directory.Exists(folder) ? Directory.EnumerateFiles(folder, "*.jsonl").Order(StringComparer.Ordinal) : Enumerable.Empty<string>())
        {
            // Two of another node's lines tell whose file it is; all of them would be checked for nothing.
            var lines = file == own ? [] : (await File.ReadAllLinesAsync(file, ct)).Select(Parse).OfType<Checkpoint>().ToList();
            if (file != own && !(lines.Count > 0 && (lines[0].IsSignedBy(key) || lines[^1].IsSignedBy(key))))
            {
                others++;
                continue;
            }
            var (found, wrong) = await Read(file, key, ct);
            all.AddRange(found);
            faults.AddRange(wrong);
        }
        return ([.. all.OrderBy(c => c.Position)], faults, others);
    }

    /// <summary>The last line's signature; empty when there is none.</summary>
    public static async Task<(long Position, string Signature)> Last(string file, CancellationToken ct) =>
        File.Exists(file) && (await File.ReadAllLinesAsync(file, ct)).Select(Parse).LastOrDefault(c => c is not null) is { } last ? (last.Position, last.Signature) : (0, "");

    private static Checkpoint? Parse(string line)
    {
        try
        {
            return JsonSerializer.Deserialize<Checkpoint>(line, DomainJson.Options);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

/// <summary>The key pair that signs checkpoints: P-256, the private half readable by the console's user only.</summary>
public static class CheckpointKey
{
    public const string PublicFile = "audit-key.pub.pem";
    private const string PrivateFile = "audit-key.pem";

    /// <summary>The public half, to verify with; null while no checkpoint was ever signed here.</summary>
    public static ECDsa? FindPublic(string folder) => File.Exists(Path.Combine(folder, PublicFile)) ? ReadPublic(Path.Combine(folder, PublicFile))
        : File.Exists(Path.Combine(folder, PrivateFile)) ? OpenOrCreate(folder) : null;

    /// <summary>The folder's key; made when there is none yet.</summary>
    public static ECDsa OpenOrCreate(string folder)
    {
        var file = Path.Combine(folder, PrivateFile);
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        if (File.Exists(file))
        {
            key.ImportFromPem(File.ReadAllText(file));
            // A node that died between the two files left only the first.
            if (!File.Exists(Path.Combine(folder, PublicFile))) File.WriteAllText(Path.Combine(folder, PublicFile), key.ExportSubjectPublicKeyInfoPem());
            return key;
        }
        Directory.CreateDirectory(folder);
        using (var stream = new FileStream(file, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }))
        using (var writer = new StreamWriter(stream)) writer.Write(key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(Path.Combine(folder, PublicFile), key.ExportSubjectPublicKeyInfoPem());
        return key;
    }

    /// <exception cref="FileNotFoundException">There is no key of that name.</exception>
    public static ECDsa ReadPublic(string file)
    {
        var key = ECDsa.Create();
        key.ImportFromPem(File.ReadAllText(file));
        return key;
    }
}
