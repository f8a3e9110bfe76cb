namespace RollbackConsole.Web.Setup;

/// <summary>An unsafe call that rides on a browser's cookie must come from our own pages; tokens are not sent by browsers on their own.</summary>
public static class CrossSiteGuard
{
    public static async Task Check(HttpContext context, RequestDelegate next)
    {
        var request = context.Request;
        var unsafeCall = !(HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) || HttpMethods.IsOptions(request.Method));
        if (unsafeCall && request.Headers.Authorization.Count == 0 && request.Headers["Sec-Fetch-Site"].ToString() != "same-origin" && context.User.Identity?.IsAuthenticated == true)
        {
            await Problems.Write(context, 403, "A call with a browser's session must come from the console's own pages; use a token elsewhere.", null);
            return;
        }
        await next(context);
    }
}
