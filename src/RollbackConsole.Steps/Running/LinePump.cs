using System.Text;
using RollbackConsole.Steps.Secrets;

namespace RollbackConsole.Steps.Running;

/// <summary>Cuts a byte stream into lines. A line break is LF, CR LF or a lone CR (progress bars).</summary>
public sealed class LinePump(IStepLog log, SecretMask mask)
{
    private readonly System.Collections.Concurrent.ConcurrentDictionary<string, bool> _open = new(StringComparer.Ordinal);
    private long _reads;

    /// <summary>Counts what was read; two equal looks with <see cref="Waiting"/> mean that nothing comes any more.</summary>
    public long Reads => Interlocked.Read(ref _reads);

    /// <summary>Every open stream waits for bytes, none for the log to take what was read.</summary>
    public bool Waiting => _open.Values.All(waiting => waiting);

    /// <summary>Characters; a longer line is stored in pieces, so that one line cannot fill the memory of every viewer.</summary>
    public const int LongestLine = 16 * 1024;

    public async Task Run(Stream source, string stream, CancellationToken ct)
    {
        var bytes = new byte[32 * 1024];
        var chars = new char[Encoding.UTF8.GetMaxCharCount(bytes.Length)];
        var decoder = Encoding.UTF8.GetDecoder();
        var line = new StringBuilder();
        var afterReturn = false;
        while (await Next(source, bytes, ct) is > 0 and var read)
        {
            var count = decoder.GetChars(bytes, 0, read, chars, 0);
            for (var i = 0; i < count; i++)
            {
                var c = chars[i];
                if (c == '\n' && afterReturn) { afterReturn = false; continue; }
                afterReturn = c == '\r';
                if (c is '\n' or '\r') await Flush();
                else line.Append(c == '\0' ? '\uFFFD' : c);
                if (line.Length >= 2 * LongestLine) await FlushPiece();
            }
        }
        if (line.Length > 0) await Flush();
        _open.TryRemove(stream, out _);

        async ValueTask<int> Next(Stream from, byte[] into, CancellationToken cancel)
        {
            _open[stream] = true;
            try
            {
                return await from.ReadAsync(into, cancel);
            }
            catch (OperationCanceledException)
            {
                // What stands in an unfinished line is often the line that explains the end.
                return 0;
            }
            finally
            {
                _open[stream] = false;
                Interlocked.Increment(ref _reads);
            }
        }

        async ValueTask Flush()
        {
            while (line.Length > LongestLine) await FlushPiece();
            await log.Write(stream, line.ToString());
            line.Clear();
        }

        async ValueTask FlushPiece()
        {
            var text = line.ToString();
            var cut = mask.SafeCut(text, LongestLine);
            if (char.IsHighSurrogate(text[cut - 1]) && cut > 1) cut--;
            await log.Write(stream, text[..cut]);
            line.Remove(0, cut);
        }
    }
}
