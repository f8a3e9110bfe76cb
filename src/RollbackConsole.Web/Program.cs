using Microsoft.Extensions.Options;
using RollbackConsole.Engine.Library;
using RollbackConsole.Store.Embedded;
using RollbackConsole.Web.Cli;
using RollbackConsole.Web.Setup;

// The server takes no arguments: a misspelt command must not start one.
if (args.Length > 0) return await AdminCli.Run(args, Console.Out, Console.Error, CancellationToken.None);

try
{
    await using var host = await ConsoleHost.Build(args, null, CancellationToken.None);
    await host.App.StartAsync();
    await Console.Out.WriteLineAsync($"Rollback Console is ready at {host.Address}");
    await host.App.WaitForShutdownAsync();
    return 0;
}
catch (Exception e) when (e is InvalidSettingsException or EmbeddedClusterException or OptionsValidationException or RollbackConsole.Engine.Library.InvalidDocumentException)
{
    await Console.Error.WriteLineAsync(e.Message);
    return 1;
}
catch (Exception e)
{
    // Caught, so that the embedded database is stopped on the way out.
    await Console.Error.WriteLineAsync("The console stopped because of a fault: " + e);
    return 1;
}
