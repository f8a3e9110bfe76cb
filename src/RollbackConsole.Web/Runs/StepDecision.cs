namespace RollbackConsole.Web.Runs;

/// <summary>What a commander can decide about a step that blocks the run.</summary>
public enum StepDecision { Retry, Skip, ItSucceeded, ItFailed }
