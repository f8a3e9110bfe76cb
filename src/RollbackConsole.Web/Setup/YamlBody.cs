using System.Text;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Engine.Library;

namespace RollbackConsole.Web.Setup;

/// <summary>A request's body as YAML text.</summary>
public static class YamlBody
{
    /// <exception cref="RefusedException">It is no UTF-8.</exception>
    /// <exception cref="BadHttpRequestException">It is too large (413).</exception>
    public static async Task<string> Read(HttpContext context, CancellationToken ct)
    {
        using var reader = new StreamReader(context.Request.Body, new UTF8Encoding(false, throwOnInvalidBytes: true));
        string text;
        try
        {
            text = await reader.ReadToEndAsync(ct);
        }
        catch (DecoderFallbackException)
        {
            throw new RefusedException(RefusalKind.Invalid, "The body is not UTF-8 text.", "body");
        }
        return text.Length <= YamlDocument.Largest ? text : throw new BadHttpRequestException($"The document has {text.Length} characters; {YamlDocument.Largest} are the most.", 413);
    }
}
