// Reads one embedded resource out of an assembly and writes it to a file:
//   BlazorScript ASSEMBLY RESOURCE FILE
// The build uses it for _framework/blazor.web.js; src/RollbackConsole.Web/BlazorScript.targets says why.
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

if (args.Length != 3)
{
    Console.Error.WriteLine("usage: BlazorScript ASSEMBLY RESOURCE FILE");
    return 2;
}

using var file = new PEReader(File.OpenRead(args[0]));
var metadata = file.GetMetadataReader();
foreach (var handle in metadata.ManifestResources)
{
    var resource = metadata.GetManifestResource(handle);
    if (metadata.GetString(resource.Name) != args[1]) continue;
    var section = file.GetSectionData(file.PEHeaders.CorHeader!.ResourcesDirectory.RelativeVirtualAddress);
    var reader = section.GetReader((int)resource.Offset, section.Length - (int)resource.Offset);
    Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(args[2]))!);
    File.WriteAllBytes(args[2], reader.ReadBytes(reader.ReadInt32()));
    return 0;
}
Console.Error.WriteLine($"{args[0]} holds no resource {args[1]}.");
return 1;
