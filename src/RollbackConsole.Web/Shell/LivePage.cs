using System.Diagnostics;
using Microsoft.AspNetCore.Components;
using Npgsql;
using RollbackConsole.Store.Journal;
using RollbackConsole.Web.Access;

namespace RollbackConsole.Web.Shell;

/// <summary>A page that follows the journal: it looks once, then again whenever its topic is announced, one render for a burst.</summary>
public abstract class LivePage : ComponentBase, IDisposable
{
    /// <summary>Bursts of events become one look: faster than this no person can read.</summary>
    private static readonly TimeSpan Settle = TimeSpan.FromMilliseconds(100);

    private readonly CancellationTokenSource _left = new();

    [Inject] protected ChangeFeed Feed { get; set; } = null!;

    [Inject] protected CurrentActor Current { get; set; } = null!;

    [Inject] protected Ask Ask { get; set; } = null!;

    /// <summary>Cancelled when the person leaves the page.</summary>
    protected CancellationToken Gone => _left.Token;

    /// <summary>Looks now, and again at every announcement of the topic.</summary>
    protected async Task Follow(string topic, Func<Task> look)
    {
        // Watch first, then look: what happens in between wakes the next look.
        var changed = Feed.Watch(topic);
        try
        {
            await look();
        }
        catch
        {
            changed.Dispose();
            throw;
        }
        _ = Again(changed, look);
    }

    public void Dispose()
    {
        _left.Cancel();
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing) { }

    private async Task Again(Wake changed, Func<Task> look)
    {
        using var _ = changed;
        var last = Stopwatch.GetTimestamp();
        while (!_left.IsCancellationRequested)
        {
            try
            {
                await changed.Wait(_left.Token);
                // The first of a burst is shown at once; the rest of it becomes one look.
                if (Settle - Stopwatch.GetElapsedTime(last) is var wait && wait > TimeSpan.Zero) await Task.Delay(wait, _left.Token);
                await InvokeAsync(async () =>
                {
                    await look();
                    StateHasChanged();
                });
                last = Stopwatch.GetTimestamp();
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (ObjectDisposedException)
            {
                return;
            }
            catch (NpgsqlException)
            {
                // The page keeps what it shows; the next announcement, or the poll behind it, looks again.
            }
            catch (Exception e)
            {
                // A page that no longer follows must not look as if it did.
                await DispatchExceptionAsync(e);
                return;
            }
        }
    }
}
