using RollbackConsole.Domain.Journal;

namespace RollbackConsole.Domain.Access;

[EventKind("access.account.created")]
public sealed record AccountCreated(string Account, string Name, IReadOnlyList<string> Roles, IReadOnlyList<string> Groups, Person By, DateTimeOffset At) : IEvent;

[EventKind("access.signed.in")]
public sealed record SignedIn(string Account, string Name, string From, DateTimeOffset At) : IEvent
{
    /// <summary>Password, passkey, second factor, single sign-on.</summary>
    public string? Method { get; init; }
}

[EventKind("access.session.ended")]
public sealed record SessionsEnded(string Account, string Name, int Count, Person By, DateTimeOffset At) : IEvent;

/// <param name="What">In words, such as "turned two-factor sign-in on".</param>
[EventKind("access.account.changed")]
public sealed record AccountChanged(string Account, string Name, string What, Person By, DateTimeOffset At) : IEvent;

[EventKind("access.token.revoked")]
public sealed record TokenRevoked(string Token, string Name, Person By, DateTimeOffset At) : IEvent;

[EventKind("access.sign-in.failed")]
public sealed record SignInFailed(string Name, string From, string Because, DateTimeOffset At) : IEvent;

[EventKind("access.signed.out")]
public sealed record SignedOut(string Account, string Name, DateTimeOffset At) : IEvent;

[EventKind("access.token.created")]
public sealed record TokenCreated(string Token, string Name, IReadOnlyList<string> Roles, IReadOnlyList<string> Groups, Person By, DateTimeOffset At,
    DateTimeOffset? ExpiresAt = null, IReadOnlyList<Permission>? Scope = null, string? Owner = null) : IEvent;

[EventKind("drill.started")]
public sealed record DrillStarted(string Drill, string Title, Person By, DateTimeOffset At) : IEvent;

[EventKind("drill.finished")]
public sealed record DrillFinished(string Drill, bool Succeeded, string Summary, DateTimeOffset At) : IEvent;
