namespace RollbackConsole.Domain.Access;

/// <summary>The roles of the console. A person may hold several.</summary>
public static class Role
{
    public const string Viewer = "viewer";
    public const string Support = "support";
    public const string Responder = "responder";
    public const string Commander = "commander";
    public const string Approver = "approver";
    public const string Admin = "admin";

    public static readonly IReadOnlyList<string> All = [Viewer, Support, Responder, Commander, Approver, Admin];
}

/// <summary>Groups that limit instead of giving: whoever is in <c>tenant:NAME</c> sees that tenant's services only, whoever is in none sees them all.</summary>
public static class TenantGroups
{
    public const string Prefix = "tenant:";

    public static bool Limits(string group) => group.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>The groups of somebody who acts for somebody else: what gives is given by both, and what limits limits from either side.</summary>
    /// <returns>Null when both are limited and share nothing: there is no one for whom this could act.</returns>
    public static IReadOnlyList<string>? Both(IReadOnlyList<string> own, IReadOnlyList<string> owners)
    {
        var (mine, theirs) = (own.Where(Limits).ToList(), owners.Where(Limits).ToList());
        var tenants = mine.Count == 0 ? theirs : theirs.Count == 0 ? mine : [.. mine.Intersect(theirs, StringComparer.Ordinal)];
        return mine.Count > 0 && theirs.Count > 0 && tenants.Count == 0 ? null : [.. own.Where(g => !Limits(g)).Intersect(owners, StringComparer.Ordinal), .. tenants];
    }
}

/// <summary>What a call needs. Pages, hub and API ask for these, never for role names.</summary>
public enum Permission
{
    /// <summary>See incidents, runs, plans and logs: every role.</summary>
    See,
    /// <summary>Declare an incident, write notes, ask for a run: responder, commander.</summary>
    Respond,
    /// <summary>Take command, pause, abort, retry, confirm, resolve, close: commander.</summary>
    Command,
    /// <summary>Decide an approval: approver.</summary>
    Approve,
    /// <summary>Change plans and settings of the library: admin.</summary>
    EditLibrary,
    /// <summary>Manage accounts and read the audit: admin.</summary>
    Administer,
    /// <summary>Send signals from monitoring: responder, commander, admin.</summary>
    SendSignals,
    /// <summary>Break the demo target on purpose: commander, admin.</summary>
    RunDrills,
}

/// <summary>Whoever acts now, with what they may do, as established by the server on this call.</summary>
/// <param name="Groups">Names that policies may ask for, such as <c>platform_lead</c>.</param>
public sealed record Actor(string Id, string Name, IReadOnlyList<string> Roles, IReadOnlyList<string> Groups)
{
    /// <summary>The address that the call came from.</summary>
    public string? From { get; init; }

    /// <summary>The account behind a token.</summary>
    public string? Owner { get; init; }

    /// <summary>What a token was narrowed to; null when its roles say it all.</summary>
    public IReadOnlyList<Permission>? Scope { get; init; }

    public Journal.Person Person => new(Id, Name) { From = From, Owner = Owner };

    public bool Can(Permission permission) => InScope(permission) && Roles.Any(r => Access.Allows(r, permission));

    /// <exception cref="Journal.RefusedException">The token's scope leaves this out (403).</exception>
    public void RequireScope(Permission permission)
    {
        if (!InScope(permission)) throw new Journal.RefusedException(Journal.RefusalKind.Forbidden, $"This token is narrowed to {string.Join(", ", Scope!).ToLowerInvariant()}.");
    }

    private bool InScope(Permission permission) => Scope is null || Scope.Contains(permission);

    /// <exception cref="Journal.RefusedException">The actor lacks the permission (403).</exception>
    public void Require(Permission permission)
    {
        RequireScope(permission);
        if (!Can(permission))
            throw new Journal.RefusedException(Journal.RefusalKind.Forbidden,
                $"This needs the role {string.Join(" or ", Access.RolesFor(permission))}; you have {(Roles.Count == 0 ? "none" : string.Join(", ", Roles))}.");
    }
}

/// <summary>Which role carries which permission: one table, read by every door.</summary>
public static class Access
{
    public static bool Allows(string role, Permission permission) => RolesFor(permission).Contains(role, StringComparer.Ordinal);

    public static IReadOnlyList<string> RolesFor(Permission permission) => permission switch
    {
        Permission.See => Role.All,
        Permission.Respond => [Role.Responder, Role.Commander],
        Permission.Command => [Role.Commander],
        Permission.Approve => [Role.Approver],
        Permission.EditLibrary => [Role.Admin],
        Permission.Administer => [Role.Admin],
        Permission.SendSignals => [Role.Responder, Role.Commander, Role.Admin],
        Permission.RunDrills => [Role.Commander, Role.Admin],
        _ => throw new ArgumentOutOfRangeException(nameof(permission), permission, "Unknown permission."),
    };
}
