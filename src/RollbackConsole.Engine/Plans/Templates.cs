using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using HandlebarsDotNet;
using RollbackConsole.Domain.Incidents;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Steps;

namespace RollbackConsole.Engine.Plans;

/// <summary>Renders a step's inputs. A rendered value is one argument: whatever it holds, no shell ever parses it.</summary>
public sealed class Templates
{
    /// <summary>Compiled templates that are kept; beyond it the cache starts anew, so that a busy library cannot fill the memory.</summary>
    private const int MostKept = 2000;

    /// <summary>Characters; a rendered value is one argument.</summary>
    private const int LongestTemplate = 8192;

    private const int MostBlocks = 20;

    private readonly IHandlebars _handlebars = Handlebars.Create(new HandlebarsConfiguration { NoEscape = true, ThrowOnUnresolvedBindingExpression = true });
    private readonly ConcurrentDictionary<string, HandlebarsTemplate<object, object>> _compiled = new(StringComparer.Ordinal);

    /// <summary>The inputs with every template replaced; program text (<see cref="InputType.Verbatim"/>) stays as it is.</summary>
    /// <exception cref="StepInputException">A template is malformed, or names something that has no value.</exception>
    public JsonObject Render(JsonObject with, StepKindSchema schema, object context) => new(with.Select(p =>
        KeyValuePair.Create(p.Key, schema.Inputs.Any(i => i.Name == p.Key && i.Type == InputType.Verbatim) ? p.Value?.DeepClone() : Node(p.Value, p.Key, context))));

    /// <summary>One text with its values.</summary>
    /// <exception cref="StepInputException">The template is malformed, or names something that has no value.</exception>
    public string RenderText(string template, object context) => TemplateReferences.Any(template) ? Text(template, "if", context) : template;

    /// <summary>Null when the template can be compiled, otherwise what is wrong with it.</summary>
    public string? Complaint(string template)
    {
        // The compiler recurses for each block: what would exhaust its stack must not reach it.
        if (template.Length > LongestTemplate) return $"a text with values in it has at most {LongestTemplate} characters; this has {template.Length}.";
        if (template.Split("{{#").Length - 1 > MostBlocks) return $"a text has at most {MostBlocks} blocks.";
        if (template.Count(c => c == '(') > MostBlocks) return $"a text has at most {MostBlocks} parentheses.";
        try
        {
            Compile(template);
            return null;
        }
        catch (HandlebarsException e)
        {
            return e.Message;
        }
    }

    /// <summary>What templates may name.</summary>
    /// <param name="outputs">Outputs by step and name.</param>
    public static Dictionary<string, object> Context(
        IReadOnlyDictionary<string, string> parameters, string service, string environment, Incident incident, string runId, string runDirectory, string reason,
        IEnumerable<(string Step, IReadOnlyDictionary<string, string> Outputs)> outputs) => new(StringComparer.Ordinal)
        {
            ["parameters"] = parameters.ToDictionary(p => p.Key, p => (object)p.Value, StringComparer.Ordinal),
            ["service"] = service,
            ["environment"] = environment,
            ["incident"] = new Dictionary<string, object>(StringComparer.Ordinal) { ["id"] = incident.Id, ["number"] = incident.Number, ["title"] = incident.Title },
            ["run"] = new Dictionary<string, object>(StringComparer.Ordinal) { ["id"] = runId, ["directory"] = runDirectory, ["reason"] = reason },
            ["steps"] = outputs.ToDictionary(o => o.Step, o => (object)new Dictionary<string, object>(StringComparer.Ordinal)
            {
                ["outputs"] = o.Outputs.ToDictionary(x => x.Key, x => (object)x.Value, StringComparer.Ordinal),
            }, StringComparer.Ordinal),
        };

    public static Dictionary<string, object> Context(Run run, Incident incident, string runDirectory) => Context(
        run.Parameters, run.Service, run.Environment, incident, run.Id, runDirectory, run.Reason,
        run.Steps.Select(s => (s.Step.Id, (IReadOnlyDictionary<string, string>)s.Outputs)));

    /// <summary>Outputs that do not exist yet, each under its own name.</summary>
    public static IEnumerable<(string Step, IReadOnlyDictionary<string, string> Outputs)> Placeholders(IEnumerable<PlanStep> steps) =>
        steps.SelectMany(s => TemplateReferences.In(s.With.ToJsonString())).Where(r => r.StartsWith("steps.", StringComparison.Ordinal))
            .Select(r => r.Split('.')).Where(p => p.Length == 4).GroupBy(p => p[1].Trim('[', ']'), StringComparer.Ordinal)
            .Select(g => (g.Key, (IReadOnlyDictionary<string, string>)g.Select(p => p[3]).Distinct(StringComparer.Ordinal).ToDictionary(n => n, n => $"‹{n} of {g.Key}›", StringComparer.Ordinal)));

    private JsonNode? Node(JsonNode? node, string path, object context) => node switch
    {
        JsonObject o => new JsonObject(o.Select(p => KeyValuePair.Create(p.Key, Node(p.Value, $"{path}.{p.Key}", context)))),
        JsonArray a => new JsonArray([.. a.Select((n, i) => Node(n, $"{path}[{i}]", context))]),
        JsonValue v when v.TryGetValue<string>(out var text) && TemplateReferences.Any(text) => JsonValue.Create(Text(text, path, context)),
        _ => node?.DeepClone(),
    };

    private string Text(string template, string path, object context)
    {
        try
        {
            return Compile(template)(context);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // The renderer's exception for a missing value has no public type of its own.
            throw new StepInputException($"'{path}' ({template}): {e.Message}");
        }
    }

    private HandlebarsTemplate<object, object> Compile(string template)
    {
        if (_compiled.Count > MostKept) _compiled.Clear();
        return _compiled.GetOrAdd(template, t => _handlebars.Compile(t));
    }
}
