using System.Globalization;
using RollbackConsole.Domain.Library;
using RollbackConsole.Domain.Severity;
using RollbackConsole.Engine.Library;

namespace RollbackConsole.Web.Severity;

/// <summary>A matrix whose thresholds are being changed: the text stays as its author wrote it, comments included, only the figures change.</summary>
public sealed class MatrixEdit
{
    private readonly Dictionary<(string, string, string), string> _rejected = [];

    private MatrixEdit(string yaml) => Yaml = yaml;

    public string Yaml { get; private set; }

    public Matrix? Matrix { get; private set; }

    public IReadOnlyList<DocumentError> Errors { get; private set; } = [];

    /// <summary>What was typed and is no figure, by rule, signal and bound: it stays on the screen until it is mended.</summary>
    public IReadOnlyDictionary<(string Rule, string Signal, string Bound), string> Rejected => _rejected;

    /// <summary>Nothing on the screen differs from what would be kept.</summary>
    public bool Clean => Errors.Count == 0 && _rejected.Count == 0;

    public IReadOnlyList<BandFinding> Findings { get; private set; } = [];

    public static MatrixEdit Of(string yaml)
    {
        var edit = new MatrixEdit(yaml);
        edit.Read();
        return edit;
    }

    /// <summary>Puts a figure in the place of a bound. Text that is no figure changes nothing and is kept aside until it is mended.</summary>
    public void Set(string rule, string signal, string bound, string value)
    {
        if (Bound(rule, signal, bound) is not { } node) return;
        var text = value.Trim().Replace(',', '.');
        // Nothing but a number may be written into the document.
        if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out _))
        {
            _rejected[(rule, signal, bound)] = value;
            return;
        }
        _rejected.Remove((rule, signal, bound));
        Yaml = TextEdit.Replace(Yaml, node, text);
        Read();
    }

    private ScalarNode? Bound(string rule, string signal, string bound)
    {
        if (YamlDocument.Read(Yaml).Root is not MapNode root || root["rules"] is not ListNode rules) return null;
        var found = rules.Items.OfType<MapNode>().FirstOrDefault(r => r["id"] is ScalarNode { Value: var id } && id == rule);
        return ((found?["when"] as MapNode)?[signal] as MapNode)?[bound] as ScalarNode;
    }

    private void Read()
    {
        var (root, errors) = YamlDocument.Read(Yaml);
        var reading = root is null ? null : MatrixReader.Read(root);
        Errors = reading?.Errors ?? errors;
        // While a figure is wrong the last readable matrix stays on the screen.
        if (reading?.Document is not { } matrix) return;
        Matrix = matrix;
        Findings = Bands.Findings(matrix);
    }
}
