using System.Text;
using RollbackConsole.Steps.Secrets;

namespace RollbackConsole.Steps.Running;

/// <summary>Cuts a byte stream into lines. A line break is LF, CR LF or a lone CR (progress bars).</summary>
public sealed class LinePump(IStepLog log, SecretMask mask)
{
    /// <summary>Characters; a longer line is stored in pieces, so that one line cannot fill the memory of every viewer.</summary>
    public const int LongestLine = 16 * 1024;

    public async Task Run(Stream source, string stream, CancellationToken ct)
    {
        var bytes = new byte[32 * 1024];
        var chars = new char[Encoding.UTF8.GetMaxCharCount(bytes.Length)];
        var decoder = Encoding.UTF8.GetDecoder();
        var line = new StringBuilder();
        var afterReturn = false;
        int read;
        while ((read = await source.ReadAsync(bytes, ct)) > 0)
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
