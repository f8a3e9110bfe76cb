using System.Runtime.CompilerServices;
using System.Runtime.Loader;

namespace RollbackConsole.Web.Tests;

internal static class DiffingLoader
{
#pragma warning disable CA2255 // bUnit resolves the assembly before any test code runs.
    [ModuleInitializer]
    internal static void Initialize() => AssemblyLoadContext.Default.Resolving += (context, name) =>
        name.Name == "AngleSharp.Diffing" ? context.LoadFromAssemblyPath(Path.Combine(AppContext.BaseDirectory, "bunit", "AngleSharp.Diffing.dll")) : null;
#pragma warning restore CA2255
}
