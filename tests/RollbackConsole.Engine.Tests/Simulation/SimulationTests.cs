using System.Collections.Concurrent;
using RollbackConsole.Domain.Journal;

namespace RollbackConsole.Engine.Tests.Simulation;

/// <summary>A hundred thousand lives against the invariants of the design. A life that breaks one is named by its seed: put it into
/// ROLLBACK_CONSOLE_SEED and run this test alone to live it again, event by event.</summary>
[Collection(nameof(Alone))]
public sealed class SimulationTests(ITestOutputHelper output)
{
    /// <summary>Enough to meet rare orders; ROLLBACK_CONSOLE_HISTORIES asks for more.</summary>
    private static readonly int Histories = int.TryParse(Environment.GetEnvironmentVariable("ROLLBACK_CONSOLE_HISTORIES"), out var n) ? n : 100_000;

    [Fact]
    public void A_hundred_thousand_random_lives_keep_every_invariant()
    {
        var broken = new ConcurrentBag<(int Seed, string What)>();
        var kinds = new ConcurrentDictionary<string, int>(StringComparer.Ordinal);
        var first = Environment.GetEnvironmentVariable("ROLLBACK_CONSOLE_SEED") is { Length: > 0 } one ? int.Parse(one, System.Globalization.CultureInfo.InvariantCulture) : (int?)null;
        var watch = System.Diagnostics.Stopwatch.StartNew();
        Parallel.For(first ?? 0, first + 1 ?? Histories, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, seed =>
        {
            var (wrong, happened, events) = Life.Of(seed);
            foreach (var what in wrong) broken.Add((seed, what));
            foreach (var kind in happened) kinds.AddOrUpdate(kind, 1, (_, c) => c + 1);
            if (first is not null)
                foreach (var e in events) output.WriteLine($"{EventKinds.KindOf(e)} {EventKinds.ToJson(e)}");
        });
        output.WriteLine($"{Histories} histories in {watch.Elapsed.TotalSeconds:F1} s, {Histories / watch.Elapsed.TotalSeconds:F0} a second.");
        foreach (var (kind, count) in kinds.OrderByDescending(k => k.Value)) output.WriteLine($"{count,8} lives with {kind}");
        Assert.True(broken.IsEmpty, $"{broken.Count} broken; seeds: " + string.Join(Environment.NewLine, broken.OrderBy(b => b.Seed).Take(20).Select(b => $"{b.Seed}: {b.What}")));
        if (first is not null) return;
        // The histories go where it hurts: every kind of event and every end was met.
        var expected = new[] { "StepInterrupted", "StepProbeStarted", "RunHandedOver", "RecoveryStarted", "EmergencyStarted", "StepOutcomeSettled", "StepRetryScheduled", "StepRetryOrdered", "StepSkipped", "GateAnswered", "GlassBroken", "RunPaused", "RunPolicyChanged" }
            .Concat(Enum.GetNames<Domain.Runs.RunOutcome>().Select(o => "finished " + o));
        Assert.All(expected, k => Assert.True(kinds.ContainsKey(k), $"No life met {k}."));
    }

    [Fact]
    public void The_same_seed_lives_the_same_life() =>
        Assert.All(Enumerable.Range(0, 50), seed => Assert.Equal(Life.Of(seed).Events.Select(EventKinds.ToJson), Life.Of(seed).Events.Select(EventKinds.ToJson)));
}

/// <summary>It takes every core: what runs beside it would meet its own limits of time.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
