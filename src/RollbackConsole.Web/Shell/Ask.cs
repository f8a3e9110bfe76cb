using Radzen;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Engine.Library;
using RollbackConsole.Engine.Plans;

namespace RollbackConsole.Web.Shell;

/// <summary>Asks before something happens, and says when it was refused. The one place that knows the dialog and notification library.</summary>
public sealed class Ask(DialogService dialogs, NotificationService notes, ILogger<Ask> log)
{
    private bool _asking;

    /// <summary>Runs a command; a refusal is shown, not swallowed. True when it went through.</summary>
    public async Task<bool> Try(Func<Task> command)
    {
        try
        {
            await command();
            return true;
        }
        catch (Exception e) when (e is RefusedException or InvalidDocumentException)
        {
            Say(NotificationSeverity.Warning, "Not done", e.Message);
            return false;
        }
        catch (Npgsql.NpgsqlException e)
        {
            log.LogError(e, "A command from a page failed");
            Say(NotificationSeverity.Error, "Not done", "The database does not answer. Nothing was half-done; try again in a moment.");
            return false;
        }
        catch (Exception e)
        {
            // An exception that left a dialog would end the whole page without a word.
            log.LogError(e, "A command from a page broke");
            Say(NotificationSeverity.Error, "Not done", "Something went wrong on the server; its log says what. The timeline shows what was done.");
            return false;
        }
    }

    public void Done(string what) => notes.Notify(NotificationSeverity.Success, what, "", 4000);

    /// <summary>A confirmation that names target and consequence, and takes a reason; null when the person thought again.</summary>
    /// <param name="type">A word that the person types to say that they mean it.</param>
    public async Task<string?> Reason(string title, string consequence, string button, bool danger = false, bool required = true, string? type = null) =>
        await One<ReasonDialog>(title, new Dictionary<string, object?>(StringComparer.Ordinal)
        {
            [nameof(ReasonDialog.Consequence)] = consequence,
            [nameof(ReasonDialog.Button)] = button,
            [nameof(ReasonDialog.Danger)] = danger,
            [nameof(ReasonDialog.Required)] = required,
            [nameof(ReasonDialog.Type)] = type,
        }) as string;

    /// <summary>Opens a form; whatever it closes with is the answer.</summary>
    public async Task<object?> Open<TForm>(string title, Dictionary<string, object?> parameters) where TForm : Microsoft.AspNetCore.Components.ComponentBase =>
        await One<TForm>(title, parameters);

    /// <summary>One dialog at a time: a button that is pressed twice on a slow line asks once.</summary>
    private async Task<object?> One<TForm>(string title, Dictionary<string, object?> parameters) where TForm : Microsoft.AspNetCore.Components.ComponentBase
    {
        if (_asking) return null;
        _asking = true;
        try
        {
            return await dialogs.OpenAsync<TForm>(title, parameters, Options);
        }
        finally
        {
            _asking = false;
        }
    }

    public void Close(object? answer = null) => dialogs.Close(answer);

    private static DialogOptions Options => new() { Width = "min(560px, 94vw)", CloseDialogOnEsc = true, AutoFocusFirstElement = true, ShowClose = true };

    private void Say(NotificationSeverity severity, string summary, string detail) => notes.Notify(severity, summary, detail, 9000);
}
