using Npgsql;
using NpgsqlTypes;
using RollbackConsole.Store.Journal;

namespace RollbackConsole.Store.Runs;

/// <summary>One line that a step wrote.</summary>
/// <param name="Seq">Counts from 1 without gaps within a run.</param>
/// <param name="Stream"><c>out</c>, <c>err</c>, or <c>console</c> for the console's own remarks.</param>
public sealed record LogLine(long Seq, DateTimeOffset At, string Step, int Attempt, string Stream, string Text);

/// <summary>The lease was lost: another node writes this run's lines now.</summary>
public sealed class LeaseLostException(string run) : Exception($"Another node holds the run {run} now.");

/// <summary>The log table: the truth about what steps wrote.</summary>
public sealed class LogLines(NpgsqlDataSource source)
{
    /// <summary>Stores a batch and announces it after commit. The lease row is locked for the transaction,
    /// so that no other node can take the run and number its own lines between check and commit.</summary>
    /// <exception cref="LeaseLostException">The run is held under another epoch now; nothing was written.</exception>
    public async Task Append(string run, int epoch, IReadOnlyList<LogLine> lines, CancellationToken ct)
    {
        await using var connection = await source.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await using (var fence = new NpgsqlCommand("select 1 from run_leases where run_id = $1 and epoch = $2 for share", connection, transaction)
        { Parameters = { new() { Value = run }, new() { Value = epoch } } })
        {
            if (await fence.ExecuteScalarAsync(ct) is null) throw new LeaseLostException(run);
        }
        await using (var copy = await connection.BeginBinaryImportAsync(
            "copy log_lines (run_id, seq, at, step, attempt, stream, text) from stdin (format binary)", ct))
        {
            foreach (var line in lines)
            {
                await copy.StartRowAsync(ct);
                await copy.WriteAsync(run, NpgsqlDbType.Text, ct);
                await copy.WriteAsync(line.Seq, NpgsqlDbType.Bigint, ct);
                await copy.WriteAsync(line.At.ToUniversalTime(), NpgsqlDbType.TimestampTz, ct);
                await copy.WriteAsync(line.Step, NpgsqlDbType.Text, ct);
                await copy.WriteAsync(line.Attempt, NpgsqlDbType.Integer, ct);
                await copy.WriteAsync(line.Stream, NpgsqlDbType.Text, ct);
                await copy.WriteAsync(line.Text, NpgsqlDbType.Text, ct);
            }
            await copy.CompleteAsync(ct);
        }
        await using (var notify = new NpgsqlCommand("select pg_notify('console', $1)", connection, transaction) { Parameters = { new() { Value = "log/" + run } } })
            await notify.ExecuteNonQueryAsync(ct);
        await transaction.CommitAsync(ct);
    }

    /// <summary>The last number given out; 0 when there is no line yet.</summary>
    public async Task<long> Last(string run, CancellationToken ct = default)
    {
        await using var command = source.Command("select seq from log_lines where run_id = $1 order by seq desc limit 1", run);
        return await command.ExecuteScalarAsync(ct) is long last ? last : 0;
    }

    /// <summary>Lines after a number, oldest first.</summary>
    public Task<List<LogLine>> After(string run, long after, int limit, string? step = null, CancellationToken ct = default) => source.Command($"""
        select seq, at, step, attempt, stream, text from log_lines
        where run_id = $1 and seq > $2 {(step is null ? "" : "and step = $4")} order by seq limit $3
        """, step is null ? [run, after, limit] : [run, after, limit, step]).List(Read, ct);

    /// <summary>The newest lines, oldest of them first.</summary>
    public async Task<List<LogLine>> Tail(string run, int count, string? step = null, CancellationToken ct = default)
    {
        var lines = await source.Command($"""
            select seq, at, step, attempt, stream, text from log_lines
            where run_id = $1 {(step is null ? "" : "and step = $3")} order by seq desc limit $2
            """, step is null ? [run, count] : [run, count, step]).List(Read, ct);
        lines.Reverse();
        return lines;
    }

    /// <summary>The numbers of the lines that match; at most <paramref name="limit"/>, oldest first.</summary>
    /// <param name="text">Case does not matter; null matches every line.</param>
    public Task<List<long>> Find(string run, string? text, string? step, long after, int limit, CancellationToken ct = default) => source.Command("""
        select seq from log_lines where run_id = $1 and ($2::text is null or position(lower($2) in lower(text)) > 0) and ($3::text is null or step = $3) and seq > $4
        order by seq limit $5
        """, run, text, step, after, limit).List(r => r.GetInt64(0), ct);

    private static LogLine Read(NpgsqlDataReader r) =>
        new(r.GetInt64(0), r.GetFieldValue<DateTimeOffset>(1), r.GetString(2), r.GetInt32(3), r.GetString(4), r.GetString(5));
}
