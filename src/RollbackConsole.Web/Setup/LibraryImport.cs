using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Engine.Plans;

namespace RollbackConsole.Web.Setup;

/// <summary>Imports a library folder: <c>plans/*.yaml</c>.</summary>
public static class LibraryImport
{
    /// <summary>Every file with its errors and warnings; nothing is kept.</summary>
    public static IEnumerable<(string File, PlanReading Reading, string Yaml)> Check(PlanLibrary library, string directory) =>
        Files(directory).Select(f => (f, library.Read(File.ReadAllText(f)), File.ReadAllText(f)));

    /// <summary>Keeps every plan of the folder, or none when one of them has errors.</summary>
    /// <exception cref="InvalidPlanException">A file has errors; the message names it.</exception>
    public static async Task<IReadOnlyList<PlanVersion>> Import(PlanLibrary library, string directory, Actor actor, CancellationToken ct)
    {
        var files = Check(library, directory).ToList();
        var errors = files.SelectMany(f => f.Reading.Errors.Select(e => e with { Message = $"{f.File}: {e.Message}" })).ToList();
        if (errors.Count > 0) throw new InvalidPlanException(errors);
        var versions = new List<PlanVersion>();
        foreach (var (_, _, yaml) in files) versions.Add(await library.Put(actor, null, yaml, ct));
        return versions;
    }

    private static IEnumerable<string> Files(string directory)
    {
        var plans = Path.Combine(directory, "plans");
        return Directory.Exists(plans) ? Directory.EnumerateFiles(plans, "*.yaml").Order(StringComparer.Ordinal) : [];
    }
}
