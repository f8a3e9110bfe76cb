using Microsoft.Extensions.FileProviders;
using RollbackConsole.Web.Access;
using RollbackConsole.Web.Approvals;
using RollbackConsole.Web.Incidents;
using RollbackConsole.Web.Journal;
using RollbackConsole.Web.Library;
using RollbackConsole.Web.Plans;
using RollbackConsole.Web.Runs;
using RollbackConsole.Web.Severity;
using RollbackConsole.Web.Shell;
using RollbackConsole.Web.Signals;

namespace RollbackConsole.Web.Setup;

/// <summary>The order in which a request meets the middleware, and the map of all endpoints.</summary>
public static class Pipeline
{
    public static void Use(WebApplication app)
    {
        // First: the address, the scheme and the cookies of everything after depend on it.
        if (app.Services.GetRequiredService<Microsoft.Extensions.Options.IOptions<ConsoleOptions>>().Value.TrustedProxies.Length > 0) app.UseForwardedHeaders();
        app.Use(SecurityHeaders.Add);
        app.UseExceptionHandler(e => e.Run(Problems.Answer));
        app.UseStatusCodePages(Problems.AnswerStatus);
        app.UseStaticFiles();
        app.UseStaticFiles(new StaticFileOptions { FileProvider = new PhysicalFileProvider(Path.Combine(AppContext.BaseDirectory, "browser")) });
        app.UseRouting();
        app.UseAuthentication();
        app.Use(SessionCookies.AddAddress);
        app.UseAuthorization();
        app.UseRateLimiter();
        app.UseAntiforgery();
        app.UseWhen(c => c.Request.Path.StartsWithSegments("/passkeys"), own => own.Use(CrossSiteGuard.Check));
        app.UseWhen(c => c.Request.Path.StartsWithSegments("/api"), api =>
        {
            api.Use(CrossSiteGuard.Check);
            api.Use(Idempotency.Answer);
        });

        var v1 = app.MapGroup("/api/v1").RequireAuthorization().DisableAntiforgery();
        v1.MapSeverity();
        v1.MapIncidents();
        v1.MapPlans();
        v1.MapRuns();
        v1.MapApprovals();
        v1.MapLogs();
        v1.MapSignals();
        v1.MapAlertmanager(described: true);
        v1.MapLibrary();
        v1.MapAudit();
        app.MapHooksOutsideTheApi();
        app.MapAlertmanager(described: false);
        app.MapHealth();
        app.MapSignInAndOut();
        app.MapSecondFactor();
        if (app.Services.GetRequiredService<Microsoft.Extensions.Options.IOptions<OAuthOptions>>().Value.Enabled) app.MapOAuth();
        app.MapOpenApi("/openapi/{documentName}.json").RequireAuthorization();
        app.MapHub<LiveHub>("/hubs/live").RequireAuthorization();
        // SecurityHeaders says who may frame a page: nobody. A second policy here would only confuse.
        app.MapRazorComponents<App>().AddInteractiveServerRenderMode(o => o.ContentSecurityFrameAncestorsPolicy = null);
    }
}
