using System.Text.Json.Nodes;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Steps.Running;
using RollbackConsole.Steps.Secrets;

namespace RollbackConsole.Steps.Tests;

/// <summary>Step kinds as the console composes them, with a log that can be read afterwards.</summary>
internal sealed class StepFixture : IStepLog
{
    private readonly ServiceProvider _services;
    private readonly List<(string Stream, string Text)> _lines = [];

    public StepFixture(string directory, params (string Key, string Value)[] settings)
    {
        Directory = directory;
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(settings.Select(s => KeyValuePair.Create(s.Key, (string?)s.Value))).Build();
        _services = new ServiceCollection().AddSingleton<IConfiguration>(configuration).AddSingleton(TimeProvider.System).AddLogging()
            .Configure<TargetOptions>(configuration.GetSection("Targets")).AddSteps().BuildServiceProvider();
    }

    public string Directory { get; }

    public ISecrets Secrets => _services.GetRequiredService<ISecrets>();

    public SecretMask Mask => _services.GetRequiredService<SecretMask>();

    public TaskCompletionSource<StepConfirmed> Confirmation { get; } = new();

    public IReadOnlyList<string> Lines
    {
        get { lock (_lines) return [.. _lines.Select(l => l.Text)]; }
    }

    public IReadOnlyList<string> Stream(string name)
    {
        lock (_lines) return [.. _lines.Where(l => l.Stream == name).Select(l => l.Text)];
    }

    public ValueTask Write(string stream, string text)
    {
        lock (_lines) _lines.Add((stream, Mask.Clean(text)));
        return ValueTask.CompletedTask;
    }

    public Task<StepResult> Run(string uses, string with, CancellationToken ct = default, Dictionary<string, string>? parameters = null, DateTimeOffset? firstStartedAt = null) =>
        Kind(uses).Run(Call(uses, with, _services.GetRequiredService<ISecrets>(), parameters, firstStartedAt), ct);

    public Task<IReadOnlyList<string>> Preview(string uses, string with, Dictionary<string, string>? parameters = null) =>
        Kind(uses).Preview(Call(uses, with, null, parameters, null), default);

    private IStepKind Kind(string uses) => _services.GetRequiredService<StepKinds>().Find(uses)!;

    private StepCall Call(string uses, string with, ISecrets? secrets, Dictionary<string, string>? parameters, DateTimeOffset? firstStartedAt)
    {
        var values = (JsonObject)JsonNode.Parse(with)!;
        var step = new PlanStep("step", "Step", uses, values, [], TimeSpan.FromMinutes(1), 1, TimeSpan.Zero, Effect.Once, OnFailure.Stop, null);
        return new StepCall("run-1", step, 1, new Inputs(values, secrets), Directory, this, parameters ?? [], firstStartedAt ?? TimeProvider.System.GetUtcNow(), Confirmation.Task);
    }
}
