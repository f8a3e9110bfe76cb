using Npgsql;
using NpgsqlTypes;
using RollbackConsole.Domain.Journal;

namespace RollbackConsole.Store.Journal;

/// <summary>A stream's state with the version it was folded from.</summary>
public sealed record Loaded<TState>(TState State, int Version);

/// <summary>A journal row.</summary>
public sealed record JournalEntry(long Position, string Stream, int Version, DateTimeOffset At, string Actor, string Kind, string Data, string Hash)
{
    [System.Text.Json.Serialization.JsonIgnore]
    public IEvent Event => EventKinds.FromJson(Kind, Data);
}

/// <param name="Before">Only rows before this position; null starts at the newest.</param>
/// <param name="Kind">What the kind begins with, such as <c>run.approval</c>.</param>
public sealed record JournalSearch(long? Before = null, string? Text = null, string? Kind = null, DateTimeOffset? From = null, DateTimeOffset? To = null, int Limit = 100);

/// <summary>Somebody else appended to the stream first.</summary>
public sealed class VersionConflictException(string message, Exception inner) : Exception(message, inner);

/// <summary>The append-only journal. Everything that changes goes through here.</summary>
public sealed class EventJournal(NpgsqlDataSource source)
{
    /// <summary>A command meets a conflict only while others append to the very same stream; ten in a row are a fault.</summary>
    private const int MostTries = 10;

    private const string VersionConflict = "RC001";

    public NpgsqlDataSource Source => source;

    public async Task<Loaded<TState>> Load<TState>(StreamKind<TState> kind, string id, CancellationToken ct = default) =>
        await Catch(kind, id, new Loaded<TState>(kind.None, 0), ct);

    /// <summary>The state after whatever was appended since <paramref name="from"/>.</summary>
    public async Task<Loaded<TState>> Catch<TState>(StreamKind<TState> kind, string id, Loaded<TState> from, CancellationToken ct = default)
    {
        var (state, version) = from;
        await using var command = source.CreateCommand("select version, kind, data::text from journal where stream = $1 and version > $2 order by version");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = kind.Stream(id) });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = version });
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            version = reader.GetInt32(0);
            state = kind.Apply(state, EventKinds.FromJson(reader.GetString(1), reader.GetString(2)));
        }
        return new Loaded<TState>(state, version);
    }

    /// <summary>Appends the events and writes the read model, all in one transaction and one round trip.</summary>
    /// <exception cref="VersionConflictException">The stream is not at the version it was loaded at; nothing was written.</exception>
    public async Task<Loaded<TState>> Append<TState>(
        StreamKind<TState> kind, string id, Loaded<TState> at, IReadOnlyList<IEvent> events, Person actor, DateTimeOffset time, CancellationToken ct = default)
    {
        if (events.Count == 0) return at;
        // A batch without an explicit transaction is one implicit transaction: all of it, or nothing.
        await using var batch = source.CreateBatch();
        var next = Add(batch, kind, id, at, events, actor, time);
        await Send(batch, ct);
        return next;
    }

    /// <summary>Appends to two streams in one transaction: what belongs together happens together, or not at all.</summary>
    /// <exception cref="RefusedException">One of the deciders refused.</exception>
    public async Task<(T1 First, T2 Second)> ExecuteBoth<T1, T2>(
        StreamKind<T1> kind1, string id1, Func<T1, Decision> decide1, StreamKind<T2> kind2, string id2, Func<T2, T1, Decision> decide2, Person actor, DateTimeOffset time, CancellationToken ct = default)
    {
        for (var attempt = 1; ; attempt++)
        {
            var one = await Load(kind1, id1, ct);
            var two = await Load(kind2, id2, ct);
            var first = Accepted(decide1(one.State));
            var second = Accepted(decide2(two.State, first.Aggregate(one.State, kind1.Apply)));
            try
            {
                if (first.Count == 0 && second.Count == 0) return (one.State, two.State);
                var (after1, after2) = await AppendBoth(kind1, id1, one, first, kind2, id2, two, second, actor, time, ct);
                return (after1.State, after2.State);
            }
            catch (VersionConflictException) when (attempt < MostTries)
            {
                // Decided on states of which one is gone: look again.
            }
        }

        static IReadOnlyList<IEvent> Accepted(Decision decision) => decision.Refusal is { } refusal ? throw new RefusedException(refusal) : decision.Events;
    }

    /// <summary>Appends to two streams in one transaction, at the versions that both were loaded at.</summary>
    /// <exception cref="VersionConflictException">One of them is not there any more; nothing was written.</exception>
    public async Task<(Loaded<T1> First, Loaded<T2> Second)> AppendBoth<T1, T2>(StreamKind<T1> kind1, string id1, Loaded<T1> at1, IReadOnlyList<IEvent> events1,
        StreamKind<T2> kind2, string id2, Loaded<T2> at2, IReadOnlyList<IEvent> events2, Person actor, DateTimeOffset time, CancellationToken ct = default)
    {
        // Also where nothing is added the version is held against the stream: what was decided rests on both.
        await using var batch = source.CreateBatch();
        var after1 = Add(batch, kind1, id1, at1, events1, actor, time);
        var after2 = Add(batch, kind2, id2, at2, events2, actor, time);
        await Send(batch, ct);
        return (after1, after2);
    }

    private static Loaded<TState> Add<TState>(NpgsqlBatch batch, StreamKind<TState> kind, string id, Loaded<TState> at, IReadOnlyList<IEvent> events, Person actor, DateTimeOffset time)
    {
        var next = events.Aggregate(at.State, kind.Apply);
        var append = new NpgsqlBatchCommand("select journal_append($1, $2, $3, $4, $5, $6)");
        append.Parameters.Add(new NpgsqlParameter<string> { TypedValue = kind.Stream(id) });
        append.Parameters.Add(new NpgsqlParameter<int> { TypedValue = at.Version });
        append.Parameters.Add(new NpgsqlParameter<string> { TypedValue = actor.Id });
        append.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = time.ToUniversalTime() });
        append.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. events.Select(EventKinds.KindOf)] });
        append.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. events.Select(e => JsonText.WithoutZero(EventKinds.ToJson(e)))], NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        batch.BatchCommands.Add(append);
        if (events.Count > 0)
            foreach (var command in kind.Project(next, events)) batch.BatchCommands.Add(command);
        return new Loaded<TState>(next, at.Version + events.Count);
    }

    private static async Task Send(NpgsqlBatch batch, CancellationToken ct)
    {
        try
        {
            await batch.ExecuteNonQueryAsync(ct);
        }
        catch (PostgresException e) when (e.SqlState == VersionConflict)
        {
            throw new VersionConflictException(e.MessageText, e);
        }
        catch (PostgresException e) when (e is { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: Runs.RunRows.TargetTaken })
        {
            throw new RefusedException(RefusalKind.Conflict, "Another run works on this service in this environment, or is about to; wait for its end, or abort it first.");
        }
    }

    /// <summary>Loads, decides, appends; decides anew when somebody else was quicker.</summary>
    /// <exception cref="RefusedException">The decider refused the command.</exception>
    public async Task<Loaded<TState>> Execute<TState>(
        StreamKind<TState> kind, string id, Func<TState, Decision> decide, Person actor, DateTimeOffset time, CancellationToken ct = default)
    {
        for (var attempt = 1; ; attempt++)
        {
            var loaded = await Load(kind, id, ct);
            var decision = decide(loaded.State);
            if (decision.Refusal is { } refusal) throw new RefusedException(refusal);
            try
            {
                return await Append(kind, id, loaded, decision.Events, actor, time, ct);
            }
            catch (VersionConflictException) when (attempt < MostTries)
            {
                // Decided on a state that is gone: look again.
            }
        }
    }

    /// <summary>Appends to a stream that is a record only: there is no state to decide on, so the place is all that must be found.</summary>
    public async Task Record(StreamKind<int> kind, string id, IEvent e, Person actor, DateTimeOffset time, CancellationToken ct = default)
    {
        for (var attempt = 1; ; attempt++)
        {
            await using var command = source.CreateCommand("select coalesce(max(version), 0) from journal where stream = $1");
            command.Parameters.AddWithValue(kind.Stream(id));
            var version = (int)(await command.ExecuteScalarAsync(ct))!;
            try
            {
                await Append(kind, id, new Loaded<int>(version, version), [e], actor, time, ct);
                return;
            }
            catch (VersionConflictException) when (attempt < MostTries)
            {
                // Somebody else recorded at the same moment; take the next place.
            }
        }
    }

    /// <summary>The newest position; 0 while nothing has happened.</summary>
    public async Task<long> LastPosition(CancellationToken ct = default)
    {
        await using var command = source.CreateCommand("select coalesce(max(position), 0) from journal");
        return (long)(await command.ExecuteScalarAsync(ct))!;
    }

    /// <summary>Rows that match, newest first.</summary>
    /// <param name="text">Case does not matter; looked for in who, what kind, which stream and the event itself.</param>
    public Task<List<JournalEntry>> Search(JournalSearch search, CancellationToken ct = default) => source.Command("""
        select position, stream, version, at, actor, kind, data::text, hash from journal
        where ($1::bigint is null or position < $1) and ($2::text is null or position(lower($2) in lower(concat_ws(' ', actor, kind, stream, data::text))) > 0)
            and ($3::text is null or starts_with(kind, $3)) and ($4::timestamptz is null or at >= $4) and ($5::timestamptz is null or at < $5)
        order by position desc limit $6
        """, search.Before, search.Text, search.Kind, search.From, search.To, search.Limit).List(r => new JournalEntry(r.GetInt64(0), r.GetString(1), r.GetInt32(2), r.GetFieldValue<DateTimeOffset>(3),
            r.GetString(4), r.GetString(5), r.GetString(6), r.GetString(7)), ct);

    /// <summary>Rows after a position, in commit order. <paramref name="stream"/> null means all streams.</summary>
    public async Task<IReadOnlyList<JournalEntry>> Read(long after, int limit, string? stream = null, CancellationToken ct = default)
    {
        await using var command = source.CreateCommand($"""
            select position, stream, version, at, actor, kind, data::text, hash from journal
            where position > $1 {(stream is null ? "" : "and stream = $3")} order by position limit $2
            """);
        command.Parameters.AddWithValue(after);
        command.Parameters.AddWithValue(limit);
        if (stream is not null) command.Parameters.AddWithValue(stream);
        var entries = new List<JournalEntry>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
            entries.Add(new(reader.GetInt64(0), reader.GetString(1), reader.GetInt32(2), reader.GetFieldValue<DateTimeOffset>(3),
                reader.GetString(4), reader.GetString(5), reader.GetString(6), reader.GetString(7)));
        return entries;
    }
}
