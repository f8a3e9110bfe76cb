using Npgsql;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Store.Incidents;
using RollbackConsole.Store.Journal;
using RollbackConsole.Tests;

namespace RollbackConsole.Store.Tests;

public sealed class JournalTests(TestCluster cluster)
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);
    private static readonly Person Somebody = new("p", "Somebody");

    [Fact]
    public async Task Events_and_their_read_model_are_written_together()
    {
        await using var source = await cluster.ConsoleDatabase();
        var journal = new EventJournal(source);
        await Declare(journal, "i-1", 1);
        Assert.Equal(2, (await journal.Read(0, 10)).Count);
        var row = Assert.Single(await new IncidentRows(source).List("open", null, 10));
        Assert.Equal(("i-1", Level.High), (row.Id, row.Severity));
    }

    [Fact]
    public async Task A_read_model_that_cannot_be_written_takes_the_events_back()
    {
        await using var source = await cluster.ConsoleDatabase();
        var journal = new EventJournal(source);
        await Declare(journal, "i-1", 1);
        // The same number twice breaks the read model's unique key.
        await Assert.ThrowsAsync<PostgresException>(() => Declare(journal, "i-2", 1));
        Assert.Equal(2, (await journal.Read(0, 10)).Count);
    }

    [Fact]
    public async Task An_append_at_the_wrong_version_conflicts_and_writes_nothing()
    {
        await using var source = await cluster.ConsoleDatabase();
        var journal = new EventJournal(source);
        var loaded = await Declare(journal, "i-1", 1);
        await journal.Append(Streams.Incidents, "i-1", loaded, [new NoteAdded("first", Somebody, Noon)], Somebody, Noon);
        await Assert.ThrowsAsync<VersionConflictException>(() => journal.Append(Streams.Incidents, "i-1", loaded, [new NoteAdded("second", Somebody, Noon)], Somebody, Noon));
        Assert.Equal(3, (await journal.Read(0, 10)).Count);
    }

    [Fact]
    public async Task Writers_at_once_lose_nothing_and_leave_no_gap()
    {
        await using var source = await cluster.ConsoleDatabase();
        var journal = new EventJournal(source);
        for (var i = 1; i <= 4; i++) await Declare(journal, $"i-{i}", i);
        // Eight writers on four streams: two always meet on each. Each retries until its note stands.
        await Task.WhenAll(Enumerable.Range(0, 8).Select(w => Task.Run(async () =>
        {
            for (var n = 0; n < 25; n++)
            {
                while (true)
                {
                    try
                    {
                        await journal.Execute(Streams.Incidents, $"i-{1 + (w % 4)}", s => IncidentDecider.Decide(s, new AddNote($"{w}/{n}", Somebody, Noon)), Somebody, Noon);
                        break;
                    }
                    catch (VersionConflictException)
                    {
                        // Ten losses in a row are possible here; a person would press again.
                    }
                }
            }
        })));
        var all = await journal.Read(0, 1000);
        Assert.Equal(Enumerable.Range(1, all.Count).Select(i => (long)i), all.Select(e => e.Position));
        Assert.Equal(200, all.Where(e => e.Kind == "incident.note.added").Select(e => ((NoteAdded)e.Event).Text).Distinct().Count());
        foreach (var stream in all.GroupBy(e => e.Stream)) Assert.Equal(Enumerable.Range(1, stream.Count()), stream.Select(e => e.Version));
        Assert.True((await ChainVerifier.Verify(journal, default)).Holds);
    }

    [Fact]
    public async Task A_reader_that_follows_positions_never_skips_one_while_writers_commit()
    {
        await using var source = await cluster.ConsoleDatabase();
        var journal = new EventJournal(source);
        var writers = Task.WhenAll(Enumerable.Range(0, 6).Select(w => Task.Run(async () =>
        {
            for (var n = 0; n < 30; n++) await journal.Record(Streams.Access, $"s{w}", new SignedOut("a", $"{w}/{n}", Noon), Somebody, Noon);
        })));
        long seen = 0;
        while (!writers.IsCompleted || await journal.LastPosition() > seen)
        {
            foreach (var entry in await journal.Read(seen, 50))
            {
                Assert.Equal(seen + 1, entry.Position);
                seen = entry.Position;
            }
        }
        await writers;
        Assert.Equal(180, seen);
    }

    [Theory]
    [InlineData("update journal set data = jsonb_set(data, '{text}', '\"forged\"') where position = 3", 3)]
    [InlineData("update journal set actor = 'somebody-else' where position = 2", 2)]
    [InlineData("delete from journal where position = 3", 4)]
    [InlineData("update journal set position = 1003 where position = 3; update journal set position = 3 where position = 4; update journal set position = 4 where position = 1003", 3)]
    public async Task A_changed_journal_is_found_at_its_place(string attack, long place)
    {
        await using var source = await cluster.ConsoleDatabase();
        var journal = new EventJournal(source);
        var loaded = await Declare(journal, "i-1", 1);
        foreach (var text in (string[])["one", "two", "three"]) loaded = await journal.Append(Streams.Incidents, "i-1", loaded, [new NoteAdded(text, Somebody, Noon)], Somebody, Noon);
        Assert.True((await ChainVerifier.Verify(journal, default)).Holds);
        foreach (var statement in attack.Split("; "))
        {
            await using var command = source.CreateCommand(statement);
            await command.ExecuteNonQueryAsync();
        }
        Assert.Equal(place, (await ChainVerifier.Verify(journal, default)).BrokenAt);
    }

    [Fact]
    public async Task Text_with_a_zero_character_or_a_literal_escape_is_kept_as_far_as_the_database_can()
    {
        await using var source = await cluster.ConsoleDatabase();
        var journal = new EventJournal(source);
        var loaded = await Declare(journal, "i-1", 1);
        await journal.Append(Streams.Incidents, "i-1", loaded, [new NoteAdded("a\0b \\u0000 ünï 😀 <b>", Somebody, Noon)], Somebody, Noon);
        Assert.Equal("a\uFFFDb \\u0000 ünï 😀 <b>", ((NoteAdded)(await journal.Read(2, 1))[0].Event).Text);
    }

    [Fact]
    public async Task An_unknown_kind_in_the_journal_is_an_error_not_a_default()
    {
        await using var source = await cluster.ConsoleDatabase();
        var journal = new EventJournal(source);
        await Declare(journal, "i-1", 1);
        await using (var command = source.CreateCommand("update journal set kind = 'incident.from.the.future' where position = 2")) await command.ExecuteNonQueryAsync();
        await Assert.ThrowsAsync<UnknownEventKindException>(() => journal.Load(Streams.Incidents, "i-1"));
    }

    [Fact]
    public async Task Migrating_twice_at_once_is_safe()
    {
        await using var source = StoreSetup.Connect(await cluster.EmptyDatabase());
        await Task.WhenAll(StoreSetup.Migrate(source, default), StoreSetup.Migrate(source, default));
        await StoreSetup.Migrate(source, default);
        Assert.Equal(0, await new EventJournal(source).LastPosition());
    }

    private static Task<Loaded<Incident>> Declare(EventJournal journal, string id, int number) => journal.Execute(Streams.Incidents, id,
        s => IncidentDecider.Decide(s, new DeclareIncident(id, number, "Title", "shop", "production", null, new Classification(Level.High, Advice.QuickFixThenRollBack, TimeSpan.FromMinutes(15), []), null, Somebody, Noon)), Somebody, Noon);
}
