using RollbackConsole.Domain.Library;
namespace RollbackConsole.Domain.Plans;

/// <summary>The shapes that a step's input can take.</summary>
public enum InputType
{
    /// <summary>A text; templates are rendered into it.</summary>
    Text,
    /// <summary>Program text that a person reviewed: nothing is ever rendered into it.</summary>
    Verbatim,
    Number,
    Flag,
    Duration,
    /// <summary>Texts, each of which may be <c>{secret: NAME}</c>.</summary>
    TextList,
    TextMap,
    /// <summary>Table names, or <c>{name, key?, columns?, as?}</c>.</summary>
    Tables,
    /// <summary>A list of <c>{path, equals}</c>.</summary>
    Expectations,
}

/// <summary>One key under <c>with</c>.</summary>
public sealed record StepInput(string Name, InputType Type, bool Required, string Description);

/// <summary>What a plan may say about one kind of step; the reader refuses anything else.</summary>
/// <param name="Name"><c>tool/action</c>.</param>
/// <param name="DefaultEffect">What holds when the plan does not say.</param>
/// <param name="Destructive">It can lose data: approvers are told in so many words.</param>
/// <param name="ComparesData">It proves that data is what it was.</param>
/// <param name="ChecksService">It proves that the service answers as it should.</param>
/// <param name="SavesData">After it, lost data can be brought back.</param>
public sealed record StepKindSchema(
    string Name, string Title, Effect DefaultEffect, bool Destructive, IReadOnlyList<StepInput> Inputs,
    bool ComparesData = false, bool ChecksService = false, bool SavesData = false);
