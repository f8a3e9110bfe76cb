using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Library;
using RollbackConsole.Engine.Library;
using RollbackConsole.Engine.Plans;

namespace RollbackConsole.Web.Setup;

/// <summary>What a file of the library says, before anything is kept.</summary>
/// <param name="Kind">Null for a plan.</param>
public sealed record LibraryFile(string File, LibraryKind? Kind, string? Name, string? Digest, string Yaml, IReadOnlyList<DocumentError> Errors, IReadOnlyList<DocumentError> Warnings);

/// <summary>Imports a library folder: <c>matrices</c>, <c>escalations</c>, <c>policies</c>, <c>catalog</c> and <c>plans</c>, each with its <c>*.yaml</c>.</summary>
public sealed class LibraryImport(PlanLibrary plans, DocumentLibrary documents)
{
    /// <summary>Every file with its errors and warnings; nothing is kept.</summary>
    public IReadOnlyList<LibraryFile> Check(string directory)
    {
        var files = new List<LibraryFile>();
        foreach (var kind in (LibraryKind[])[LibraryKind.Matrices, LibraryKind.Escalations, LibraryKind.Policies, LibraryKind.Catalog])
        {
            foreach (var file in Files(directory, kind.ToString().ToLowerInvariant()))
            {
                var yaml = File.ReadAllText(file);
                var reading = documents.Read(kind, yaml);
                files.Add(new(file, kind, reading.Name, reading.Digest, yaml, reading.Errors, reading.Warnings));
            }
        }
        foreach (var file in Files(directory, "plans"))
        {
            var yaml = File.ReadAllText(file);
            var reading = plans.Read(yaml);
            files.Add(new(file, null, reading.Plan?.Name, reading.Digest, yaml, reading.Errors, reading.Warnings));
        }
        foreach (var twice in files.Where(f => f.Name is not null).GroupBy(f => (f.Kind, f.Name)).Where(g => g.Count() > 1).SelectMany(g => g.Skip(1)).ToList())
            files[files.IndexOf(twice)] = twice with { Errors = [.. twice.Errors, new(1, 1, "", $"Another file of this folder is called '{twice.Name}', too.")] };
        return files;
    }

    /// <summary>Keeps every document of the folder, or none when one of them has errors.</summary>
    /// <exception cref="InvalidDocumentException">A file has errors; the message names it.</exception>
    public async Task<IReadOnlyList<(string Name, int Version, string Digest)>> Import(string directory, Actor actor, Arrival arrival, CancellationToken ct)
    {
        var files = Check(directory);
        var errors = files.SelectMany(f => f.Errors.Select(e => e with { Message = $"{f.File}: {e.Message}" })).ToList();
        if (errors.Count > 0) throw new InvalidDocumentException(errors);
        var versions = new List<(string, int, string)>();
        foreach (var file in files)
        {
            if (file.Kind is { } kind)
            {
                var kept = await documents.Put(actor, kind, null, file.Yaml, arrival, ct);
                versions.Add((kept.Name, kept.Version, kept.Digest));
            }
            else
            {
                var plan = await plans.Put(actor, null, file.Yaml, arrival, ct);
                versions.Add((plan.Name, plan.Version, plan.Digest));
            }
        }
        return versions;
    }

    private static IEnumerable<string> Files(string directory, string folder) =>
        Path.Combine(directory, folder) is var path && Directory.Exists(path) ? Directory.EnumerateFiles(path, "*.yaml").Order(StringComparer.Ordinal) : [];
}
