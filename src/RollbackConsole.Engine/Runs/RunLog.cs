using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Npgsql;
using RollbackConsole.Steps;
using RollbackConsole.Steps.Secrets;
using RollbackConsole.Store;
using RollbackConsole.Store.Runs;

namespace RollbackConsole.Engine.Runs;

/// <summary>One run's writer of lines: masks, numbers, batches and stores them, in order, without losing one.</summary>
public sealed class RunLog : IRunLog
{
    /// <summary>Lines in one COPY; beyond it the gain is small and the wait long.</summary>
    private const int MostInBatch = 1000;

    /// <summary>Lines that may wait; a step that writes faster than the database stores waits here.</summary>
    private const int MostWaiting = 8000;

    private readonly Channel<Item> _items = Channel.CreateBounded<Item>(new BoundedChannelOptions(MostWaiting) { SingleReader = true });
    private readonly string _run;
    private readonly int _epoch;
    private readonly LogLines _lines;
    private readonly SecretMask _mask;
    private readonly TimeProvider _time;
    private readonly TimeSpan _every;
    private readonly ILogger _log;
    private readonly CancellationToken _lost;
    private readonly Task _writing;
    private long _seq;

    private RunLog(string run, int epoch, long last, LogLines lines, SecretMask mask, TimeProvider time, TimeSpan every, ILogger log, CancellationToken lost)
    {
        (_run, _epoch, _seq, _lines, _mask, _time, _every, _log, _lost) = (run, epoch, last, lines, mask, time, every, log, lost);
        _writing = Task.Run(Write, CancellationToken.None);
    }

    /// <param name="lost">Cancelled when the lease is gone: what could not be stored by then belongs to nobody.</param>
    public static async Task<RunLog> Open(string run, int epoch, LogLines lines, SecretMask mask, TimeProvider time, TimeSpan every, ILogger log, CancellationToken lost) =>
        new(run, epoch, await lines.Last(run, lost), lines, mask, time, every, log, lost);

    public IAttemptLog For(string step, int attempt) => new StepLog(this, step, attempt);

    /// <summary>Ends the writing; everything written before is stored.</summary>
    public async ValueTask DisposeAsync()
    {
        _items.Writer.TryComplete();
        await _writing;
    }

    private async Task Write()
    {
        var batch = new List<LogLine>(MostInBatch);
        var flushes = new List<TaskCompletionSource>();
        try
        {
            while (await _items.Reader.WaitToReadAsync(_lost))
            {
                var since = _time.GetTimestamp();
                while (batch.Count < MostInBatch && flushes.Count == 0)
                {
                    if (_items.Reader.TryRead(out var item))
                    {
                        if (item.Flushed is { } flushed) flushes.Add(flushed);
                        else batch.Add(new LogLine(++_seq, item.At, item.Step, item.Attempt, item.Stream, item.Text));
                        continue;
                    }
                    var left = _every - _time.GetElapsedTime(since);
                    if (left <= TimeSpan.Zero) break;
                    using var window = CancellationTokenSource.CreateLinkedTokenSource(_lost);
                    window.CancelAfter(left);
                    try
                    {
                        if (!await _items.Reader.WaitToReadAsync(window.Token)) break;
                    }
                    catch (OperationCanceledException) when (!_lost.IsCancellationRequested)
                    {
                        break;
                    }
                }
                if (batch.Count > 0) await Store(batch);
                batch.Clear();
                foreach (var flushed in flushes) flushed.TrySetResult();
                flushes.Clear();
            }
        }
        catch (Exception e)
        {
            // Whatever it was: nobody may wait for lines that will never be stored. The session lets the run go.
            if (e is not (OperationCanceledException or LeaseLostException)) _log.LogError(e, "The log of run {Run} broke", _run);
            _items.Writer.TryComplete(e);
            while (_items.Reader.TryRead(out var item)) item.Flushed?.TrySetCanceled(CancellationToken.None);
            foreach (var flushed in flushes) flushed.TrySetCanceled(CancellationToken.None);
        }
    }

    private async Task Store(List<LogLine> batch)
    {
        for (var pause = TimeSpan.FromMilliseconds(100); ; pause = pause < TimeSpan.FromSeconds(2) ? pause * 2 : pause)
        {
            try
            {
                await _lines.Append(_run, _epoch, batch, _lost);
                return;
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation)
            {
                // The connection broke after the commit, and the batch is there; anything else is two writers, which the lease forbids.
                if (await _lines.Last(_run, _lost) == batch[^1].Seq) return;
                throw new LeaseLostException(_run);
            }
            catch (NpgsqlException e) when (StoreSetup.IsAway(e))
            {
                _log.LogWarning("Lines of run {Run} wait for PostgreSQL: {Reason}", _run, e.Message);
                await Task.Delay(pause, _time, _lost);
            }
        }
    }

    private sealed record Item(DateTimeOffset At, string Step, int Attempt, string Stream, string Text, TaskCompletionSource? Flushed);

    /// <summary>The log of one attempt.</summary>
    private sealed class StepLog(RunLog log, string step, int attempt) : IAttemptLog
    {
        private int _wrote;

        public async ValueTask Write(string stream, string text)
        {
            Interlocked.Exchange(ref _wrote, 1);
            // PostgreSQL stores no zero character.
            foreach (var line in log._mask.Clean(text).Replace('\0', '\uFFFD').Split('\n'))
                await log._items.Writer.WriteAsync(new Item(log._time.GetUtcNow(), step, attempt, stream, line.TrimEnd('\r'), null), log._lost);
        }

        public async Task Flush()
        {
            if (Volatile.Read(ref _wrote) == 0) return;
            var flushed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await log._items.Writer.WriteAsync(new Item(default, step, attempt, "", "", flushed), log._lost);
            await flushed.Task;
        }
    }
}
