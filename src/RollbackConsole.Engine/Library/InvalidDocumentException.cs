using RollbackConsole.Domain.Library;

namespace RollbackConsole.Engine.Library;

/// <summary>A document that cannot be taken: every complaint with its place.</summary>
public sealed class InvalidDocumentException(IReadOnlyList<DocumentError> errors)
    : Exception(string.Join(" ", errors.Select(e => $"Line {e.Line}, column {e.Column}: {e.Message}")))
{
    public IReadOnlyList<DocumentError> Errors { get; } = errors;
}
