using Microsoft.Extensions.DependencyInjection;
using RollbackConsole.Store.Journal;
using RollbackConsole.Tests;
using RollbackConsole.Web.Cli;

namespace RollbackConsole.Web.Tests;

public sealed class AuditFileTests(TestCluster cluster)
{
    [Fact]
    public async Task An_export_is_verified_without_the_database_and_a_forged_or_cut_one_is_found()
    {
        await using var console = await TestConsole.Start(cluster);
        for (var n = 0; n < 5; n++) await console.Token($"t{n}", "viewer");
        var file = Path.Combine(cluster.Folder(), "export.jsonl");
        var rows = await AuditFile.Export(console.Services.GetRequiredService<EventJournal>(), file, default);
        Assert.True((await AuditFile.Verify(file, default)).Holds);

        var lines = await File.ReadAllLinesAsync(file);
        Assert.Equal(rows, lines.Length);
        // Before the tokens stands what the console keeps at its first start.
        var token = Array.FindIndex(lines, l => l.Contains("access.token.created", StringComparison.Ordinal)) + 2;
        await File.WriteAllLinesAsync(file, lines.Select((l, i) => i == token ? l.Replace("\\u0022viewer\\u0022", "\\u0022admin\\u0022", StringComparison.Ordinal) : l));
        Assert.Equal(token + 1, (await AuditFile.Verify(file, default)).BrokenAt);
        await File.WriteAllLinesAsync(file, lines.Where((_, i) => i != 3));
        Assert.Equal(5, (await AuditFile.Verify(file, default)).BrokenAt);
        await File.WriteAllLinesAsync(file, [.. lines.Take(2), "not a row"]);
        Assert.Equal(3, (await AuditFile.Verify(file, default)).BrokenAt);
    }
}
