namespace RollbackConsole.Engine.Runs;

/// <summary>How the engine works on runs.</summary>
public sealed class EngineOptions
{
    /// <summary>How long a node may be silent before another takes its runs. Shorter finds a dead node sooner, longer forgives a pause.</summary>
    public TimeSpan LeaseLength { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How often every node looks for approved runs that nobody holds.</summary>
    public TimeSpan ReconcileEvery { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>Lines are stored when this much time has passed or a batch is full: short enough to feel live, long enough to batch.</summary>
    public TimeSpan LogFlushEvery { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How long a node that stops waits for its running steps, before it leaves them to another node as interrupted. Less than the host's own patience.</summary>
    public TimeSpan HandOverWithin { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Runs that one node works on at once, those that wait for a person included: they cost a task, not a thread.</summary>
    public int MostRuns { get; set; } = 100;
}

/// <summary>This node's name and folders.</summary>
/// <param name="Node"><c>host:port</c> of this console.</param>
public sealed record EngineFolders(string Node, string DataDirectory)
{
    /// <summary>A run's own folder, for backups and scripts.</summary>
    public string RunPath(string runId) => Path.Combine(DataDirectory, "runs", runId);
}
