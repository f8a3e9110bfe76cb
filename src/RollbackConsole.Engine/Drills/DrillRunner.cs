using System.Text.Json.Nodes;
using Microsoft.Extensions.Options;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Engine.Runs;
using RollbackConsole.Steps;
using RollbackConsole.Steps.Running;
using RollbackConsole.Steps.Secrets;
using RollbackConsole.Store.Journal;

namespace RollbackConsole.Engine.Drills;

/// <summary>Drills by name: commands that break a target on purpose.</summary>
public sealed class DrillOptions : Dictionary<string, DrillSetting>
{
    public DrillOptions() : base(StringComparer.Ordinal) { }
}

public sealed class DrillSetting
{
    /// <summary>What the button says.</summary>
    public string Title { get; set; } = "";

    /// <summary>What will be hurt, for the confirmation.</summary>
    public string Consequence { get; set; } = "";

    /// <summary>The program and its arguments.</summary>
    public List<string> Command { get; set; } = [];

    /// <summary>A folder from Targets:Directories.</summary>
    public string Directory { get; set; } = "";
}

/// <summary>Breaks a target on purpose, and journals that it was a drill.</summary>
public sealed class DrillRunner(EventJournal journal, ProcessRunner processes, Targets targets, SecretMask mask, IOptionsMonitor<DrillOptions> options, TimeProvider time)
{
    /// <summary>Shipping the bad release of the demo takes seconds.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(5);

    public IReadOnlyDictionary<string, DrillSetting> All => options.CurrentValue;

    /// <summary>The drill's own lines; throws when it did not succeed.</summary>
    /// <exception cref="RefusedException">No such drill, or it failed.</exception>
    public async Task<IReadOnlyList<string>> Run(Actor actor, string name, CancellationToken ct = default)
    {
        actor.Require(Permission.RunDrills);
        if (!All.TryGetValue(name, out var drill))
            throw new RefusedException(RefusalKind.NotFound, $"There is no drill '{name}'. {(All.Count == 0 ? "None is set up." : "There are " + string.Join(", ", All.Keys) + ".")}");
        if (drill.Command.Count == 0) throw new RefusedException(RefusalKind.Conflict, $"The drill '{name}' has no command; set Drills__{name}__Command__0.");
        await Append(new DrillStarted(name, drill.Title, actor.Person, time.GetUtcNow()), actor, name, ct);
        var lines = new Lines(mask);
        string? failure;
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
            limit.CancelAfter(Longest);
            var directory = targets.Directory(drill.Directory);
            var step = new PlanStep(name, drill.Title, "command/run", [], [], Longest, 1, TimeSpan.Zero, Effect.Once, OnFailure.Stop, null);
            var call = new StepCall("drill", step, 1, new Inputs(new JsonObject(), null), directory, lines, new Dictionary<string, string>(), time.GetUtcNow(), Task.FromCanceled<StepConfirmed>(new(true)));
            var program = drill.Command[0].Contains('/') ? Path.Combine(directory, drill.Command[0]) : drill.Command[0];
            var code = await processes.Run(call, new ProcessSpec([program, .. drill.Command.Skip(1)], directory, new Dictionary<string, string>()), limit.Token);
            failure = code == 0 ? null : $"The drill ended with exit code {code}: {lines.Written.LastOrDefault()}";
        }
        catch (StepInputException e)
        {
            failure = e.Message;
        }
        catch (OperationCanceledException)
        {
            failure = "The drill was cut off; look at its target.";
        }
        await Append(new DrillFinished(name, failure is null, failure ?? lines.Written.LastOrDefault() ?? "Done.", time.GetUtcNow()), actor, name, CancellationToken.None);
        return failure is null ? lines.Written : throw new RefusedException(RefusalKind.Conflict, failure);
    }

    private Task Append(IEvent e, Actor actor, string name, CancellationToken ct) =>
        journal.Record(Streams.Drills, name, e, actor.Person, time.GetUtcNow(), ct);

    private sealed class Lines(SecretMask mask) : IStepLog
    {
        /// <summary>A drill says little; a chatty one is cut rather than kept in memory.</summary>
        private const int Most = 1000;

        public List<string> Written { get; } = [];

        public ValueTask Write(string stream, string text)
        {
            lock (Written)
                if (Written.Count < Most) Written.Add(mask.Clean(text).Replace('\0', '\uFFFD'));
            return ValueTask.CompletedTask;
        }
    }
}
