using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Library;

namespace RollbackConsole.Engine.Library;

/// <summary>The matrices, escalations and policies that ship inside the product, so that a console without a library folder can judge, too.</summary>
public static class StandardDocuments
{
    public static IEnumerable<(LibraryKind Kind, string File, string Yaml)> All()
    {
        var assembly = typeof(StandardDocuments).Assembly;
        foreach (var resource in assembly.GetManifestResourceNames().Where(n => n.StartsWith("library/", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!);
            yield return (Enum.Parse<LibraryKind>(resource.Split('/')[1], ignoreCase: true), resource, reader.ReadToEnd());
        }
    }

    /// <summary>Keeps those whose name the library does not know yet.</summary>
    public static async Task Seed(DocumentLibrary library, Actor actor, CancellationToken ct)
    {
        foreach (var (kind, _, yaml) in All()) await library.Put(actor, kind, null, yaml, Arrival.Standard, ct);
    }
}
