using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace RollbackConsole.Store.Journal;

/// <summary>Wakes whoever waits for a topic: <c>journal</c>, a stream's name, <c>log/…</c>, <c>metrics/…</c>.
/// A wake-up carries nothing and may come too often; the reader looks into the database from its own position, so none can be lost.</summary>
public sealed class ChangeFeed(NpgsqlDataSource source, TimeProvider time, ILogger<ChangeFeed> log) : BackgroundService
{
    /// <summary>Behind LISTEN stands polling: a lost notification delays a viewer by this much at the most.</summary>
    private static readonly TimeSpan PollEvery = TimeSpan.FromSeconds(2);

    private readonly ConcurrentDictionary<string, ImmutableList<Wake>> _waiting = new(StringComparer.Ordinal);

    /// <summary>Starts to wait for a topic. Dispose to stop.</summary>
    public Wake Watch(string topic)
    {
        var wake = new Wake(w => _waiting.AddOrUpdate(topic, _ => [], (_, list) => list.Remove(w)));
        _waiting.AddOrUpdate(topic, _ => [wake], (_, list) => list.Add(wake));
        return wake;
    }

    /// <summary>Wakes a topic in this process, without waiting for the database to say it.</summary>
    public void Announce(string topic)
    {
        if (!_waiting.TryGetValue(topic, out var list)) return;
        foreach (var wake in list) wake.Set();
        if (list.IsEmpty) ((ICollection<KeyValuePair<string, ImmutableList<Wake>>>)_waiting).Remove(new(topic, list));
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var poll = Poll(stoppingToken);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Listen(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            catch (Exception e) when (e is NpgsqlException or IOException or InvalidOperationException)
            {
                log.LogWarning("The listener lost PostgreSQL ({Reason}); polling goes on, trying again in a second", e.Message);
                await Pause(TimeSpan.FromSeconds(1), stoppingToken);
            }
        }
        await poll;
    }

    private async Task Listen(CancellationToken ct)
    {
        await using var connection = await source.OpenConnectionAsync(ct);
        connection.Notification += (_, n) => Announce(n.Payload);
        await using (var listen = new NpgsqlCommand("listen console", connection)) await listen.ExecuteNonQueryAsync(ct);
        // Whatever was announced while nobody listened is found by looking.
        WakeAll();
        while (!ct.IsCancellationRequested) await connection.WaitAsync(ct);
    }

    private async Task Poll(CancellationToken ct)
    {
        while (await Pause(PollEvery, ct)) WakeAll();
    }

    private async Task<bool> Pause(TimeSpan length, CancellationToken ct)
    {
        try
        {
            await Task.Delay(length, time, ct);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private void WakeAll()
    {
        foreach (var topic in _waiting.Keys) Announce(topic);
    }
}

/// <summary>One waiter. Wake-ups that come while it works are kept as one.</summary>
public sealed class Wake : IDisposable
{
    private readonly Channel<bool> _signal = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly Action<Wake> _leave;

    internal Wake(Action<Wake> leave) => _leave = leave;

    /// <summary>Returns at the next wake-up, at once when one came since the last call.</summary>
    public ValueTask<bool> Wait(CancellationToken ct) => _signal.Reader.ReadAsync(ct);

    public void Set() => _signal.Writer.TryWrite(true);

    public void Dispose() => _leave(this);
}
