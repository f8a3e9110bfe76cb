using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Engine.Journal;
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
        await File.WriteAllLinesAsync(file, lines.Select((l, i) => i == 3 ? lines[4] : i == 4 ? lines[3] : l));
        Assert.Equal(5, (await AuditFile.Verify(file, default)).BrokenAt);
    }

    [Fact]
    public async Task Checkpoints_outside_the_database_show_a_cut_end_a_rewritten_chain_and_their_own_forgery()
    {
        await using var console = await TestConsole.Start(cluster);
        var writer = console.Services.GetRequiredService<CheckpointWriter>();
        await console.Token("first", "viewer");
        // The console writes by itself, too, when it starts: whoever was quicker, what has happened is covered now.
        await writer.Write(default);
        for (var n = 0; n < 3; n++) await console.Token($"t{n}", "viewer");
        await writer.Write(default);
        Assert.Null(await writer.Write(default));
        var last = JsonSerializer.Deserialize<Checkpoint>((await File.ReadAllLinesAsync(Directory.GetFiles(writer.Folder, "*.jsonl").Single()))[^1], DomainJson.Options)!;
        var report = await writer.Verify(default);
        Assert.True(report.Holds, report.Summary);
        Assert.Contains($"the last at position {last.Position}", report.Summary, StringComparison.Ordinal);

        var folder = cluster.Folder();
        var file = Path.Combine(folder, "export.jsonl");
        await AuditFile.Export(console.Services.GetRequiredService<EventJournal>(), file, default);
        var checkpoints = Directory.GetFiles(writer.Folder, "*.jsonl").Single();
        var key = Path.Combine(console.Services.GetRequiredService<Engine.Runs.EngineFolders>().DataDirectory, CheckpointKey.PublicFile);
        Assert.Equal(0, (await Verify(file, checkpoints)).Code);

        // The end cut off: the chain itself holds, the checkpoint does not agree.
        var lines = await File.ReadAllLinesAsync(file);
        var cut = Path.Combine(folder, "cut.jsonl");
        await File.WriteAllLinesAsync(cut, lines.SkipLast(2));
        Assert.True((await AuditFile.Verify(cut, default)).Holds);
        Assert.Equal((1, true), (await Verify(cut, checkpoints)) is var c ? (c.Code, c.Output.Contains("the end was cut off", StringComparison.Ordinal)) : default);

        // Rewritten from the beginning with hashes that fit each other, as the owner of the database could.
        var rewritten = Path.Combine(folder, "rewritten.jsonl");
        await File.WriteAllLinesAsync(rewritten, Rewrite(lines));
        Assert.True((await AuditFile.Verify(rewritten, default)).Holds);
        Assert.Equal((1, true), (await Verify(rewritten, checkpoints)) is var r ? (r.Code, r.Output.Contains("was rewritten", StringComparison.Ordinal)) : default);

        // The checkpoints themselves: changed, or one taken out.
        var signed = await File.ReadAllLinesAsync(checkpoints);
        var forged = Path.Combine(folder, "forged.jsonl");
        await File.WriteAllLinesAsync(forged, signed.Select((l, i) => i == 0 ? l.Replace($"\"position\":", "\"position\":1", StringComparison.Ordinal) : l));
        Assert.Contains("forged or changed", (await Verify(file, forged)).Output, StringComparison.Ordinal);
        await File.WriteAllLinesAsync(forged, signed.Skip(1));
        Assert.Contains("taken out", (await Verify(file, forged)).Output, StringComparison.Ordinal);

        async Task<(int Code, string Output)> Verify(string export, string against)
        {
            using var output = new StringWriter();
            return (await AdminCli.Run(["audit", "verify", "--file", export, "--checkpoints", against, "--key", key], output, output, default), output.ToString());
        }
    }

    [Fact]
    public async Task An_end_that_was_cut_off_is_found_online_under_whatever_name_one_asks()
    {
        await using var console = await TestConsole.Start(cluster);
        var writer = console.Services.GetRequiredService<CheckpointWriter>();
        for (var n = 0; n < 3; n++) await console.Token($"t{n}", "viewer");
        await writer.Write(default);
        var journal = console.Services.GetRequiredService<EventJournal>();
        // The admin command line, or the console after a change of its address, is another node with the same data directory.
        var folders = console.Services.GetRequiredService<Engine.Runs.EngineFolders>();
        var asked = new CheckpointWriter(journal, new Engine.Runs.EngineFolders("cli", folders.DataDirectory), Microsoft.Extensions.Options.Options.Create(new AuditOptions()), TimeProvider.System,
            Microsoft.Extensions.Logging.Abstractions.NullLogger<CheckpointWriter>.Instance);
        Assert.Contains("signed checkpoint", (await asked.Verify(default)).Summary, StringComparison.Ordinal);
        Assert.DoesNotContain("No signed checkpoint", (await asked.Verify(default)).Summary, StringComparison.Ordinal);
        var last = await journal.LastPosition();
        await using (var cut = journal.Source.CreateCommand($"delete from journal where position = {last}")) await cut.ExecuteNonQueryAsync();
        Assert.Contains("the end was cut off", (await asked.Verify(default)).Summary, StringComparison.Ordinal);
        // The public half of the key was lost with a node that died at its first start.
        File.Delete(Path.Combine(folders.DataDirectory, CheckpointKey.PublicFile));
        Assert.False((await asked.Verify(default)).Holds);
        // Another node's file in the same folder is its own affair, and said.
        using (var other = System.Security.Cryptography.ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP256))
            await File.WriteAllTextAsync(Path.Combine(writer.Folder, "other.jsonl"), Checkpoint.Sign(1, "x", TimeProvider.System.GetUtcNow(), "other", "", other).ToLine() + "\n");
        Assert.Contains("1 file is signed with other nodes' keys", (await asked.Verify(default)).Summary, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_row_that_was_changed_in_the_database_is_found_online()
    {
        await using var console = await TestConsole.Start(cluster);
        await console.Token("one", "viewer");
        await console.Token("two", "viewer");
        var source = console.Services.GetRequiredService<Npgsql.NpgsqlDataSource>();
        await using (var forge = source.CreateCommand("update journal set data = jsonb_set(data, '{roles}', '[\"admin\"]') where kind = 'access.token.created' and data ->> 'name' = 'one'")) Assert.Equal(1, await forge.ExecuteNonQueryAsync());
        Assert.False((await console.Services.GetRequiredService<CheckpointWriter>().Verify(default)).Holds);
    }

    /// <summary>Another past, told with a chain that fits.</summary>
    private static IEnumerable<string> Rewrite(string[] lines)
    {
        var previous = "";
        foreach (var line in lines)
        {
            var e = JsonSerializer.Deserialize<JournalEntry>(line, DomainJson.Options)!;
            e = e with { Data = e.Data.Replace("viewer", "nobody", StringComparison.Ordinal) };
            previous = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', previous, e.Position, e.Stream, e.Version, e.At.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture), e.Actor, e.Kind, e.Data))));
            yield return JsonSerializer.Serialize(e with { Hash = previous }, DomainJson.Options);
        }
    }
}
