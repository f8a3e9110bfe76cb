using System.Diagnostics;
using Microsoft.Extensions.Configuration;

namespace RollbackConsole.Steps.Running;

/// <summary>The user under whom step processes run: what a plan can reach is then what that user can reach, not what the console can.</summary>
public sealed class StepUser(IConfiguration settings)
{
    private readonly string? _name = settings["Steps:RunAs"] is { Length: > 0 } name ? name : null;

    /// <summary>The arguments that run a program as that user; the program itself when nobody else is meant.</summary>
    public IReadOnlyList<string> Wrap(IReadOnlyList<string> arguments) =>
        _name is null ? arguments : ["setpriv", "--reuid", _name, "--regid", PrimaryGroup(_name), "--init-groups", "--no-new-privs", "--", .. arguments];

    /// <summary>Another user's home is none of the step's business.</summary>
    public bool Inherits(string variable) => _name is null || variable != "HOME";

    private static string PrimaryGroup(string name) =>
        File.ReadLines("/etc/passwd").Select(l => l.Split(':')).FirstOrDefault(f => f.Length > 3 && f[0] == name)?[3] ?? throw new StepInputException($"Steps:RunAs: this machine has no user '{name}'.");

    /// <summary>Gives the run's folder to that user.</summary>
    /// <exception cref="StepInputException">The folder cannot be given away; nothing was started.</exception>
    public async Task OwnRun(string directory, CancellationToken ct)
    {
        if (_name is null) return;
        using var chown = Process.Start(new ProcessStartInfo("chown", [$"{_name}:", directory]) { UseShellExecute = false, RedirectStandardError = true }) ?? throw new StepInputException("chown could not be started.");
        var errors = await chown.StandardError.ReadToEndAsync(ct);
        await chown.WaitForExitAsync(ct);
        if (chown.ExitCode != 0) throw new StepInputException($"The run's folder could not be given to the user {_name}: {errors.Trim()}");
    }
}
