using Microsoft.Extensions.DependencyInjection;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Steps.Command;
using RollbackConsole.Steps.Confirm;
using RollbackConsole.Steps.Http;
using RollbackConsole.Steps.Postgres;
using RollbackConsole.Steps.Running;
using RollbackConsole.Steps.Secrets;
using RollbackConsole.Steps.Wait;

namespace RollbackConsole.Steps;

/// <summary>Every step kind by its name.</summary>
public sealed class StepKinds(IEnumerable<IStepKind> kinds)
{
    private readonly Dictionary<string, IStepKind> _kinds = kinds.ToDictionary(k => k.Schema.Name, StringComparer.Ordinal);

    public IStepKind? Find(string name) => _kinds.GetValueOrDefault(name);

    public IReadOnlyDictionary<string, StepKindSchema> Schemas => _kinds.ToDictionary(k => k.Key, k => k.Value.Schema, StringComparer.Ordinal);
}

public static class StepsSetup
{
    public static IServiceCollection AddSteps(this IServiceCollection services)
    {
        services.AddHttpClient(HttpCheck.Client).ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });
        services.AddSingleton<SecretMask>().AddSingleton<SettingsSecrets>().AddSingleton<FolderSecrets>().AddSingleton<ISecrets, SecretProviders>().AddSingleton<StepUser>().AddSingleton<Targets>().AddSingleton<ProcessRunner>().AddSingleton<PostgresTools>();
        services.AddSingleton<IStepKind, CommandRun>().AddSingleton<IStepKind, ScriptRun>().AddSingleton<IStepKind, HttpCheck>()
            .AddSingleton<IStepKind, PostgresBackup>().AddSingleton<IStepKind, PostgresRestore>().AddSingleton<IStepKind, PostgresMigrate>()
            .AddSingleton<IStepKind, PostgresSnapshot>().AddSingleton<IStepKind, PostgresCompare>()
            .AddSingleton<IStepKind, WaitFor>().AddSingleton<IStepKind, ConfirmChecklist>().AddSingleton<IStepKind, ApprovalGate>();
        return services.AddSingleton<StepKinds>();
    }
}
