using Microsoft.AspNetCore.Identity;
using RollbackConsole.Domain.Access;
using RollbackConsole.Store.Access;

namespace RollbackConsole.Web.Access;

/// <summary>A fresh install has no default password: it makes random ones and says them once.</summary>
public static class FirstStart
{
    /// <param name="demo">Also make a commander and an approver, so that the demo's story can be played by one visitor.</param>
    public static async Task EnsureAccounts(IServiceProvider services, bool demo, TextWriter output)
    {
        await using var scope = services.CreateAsyncScope();
        var users = scope.ServiceProvider.GetRequiredService<UserManager<Account>>();
        var accounts = scope.ServiceProvider.GetRequiredService<Accounts>();
        (string Name, string[] Roles, bool Wanted)[] wanted =
        [
            ("admin", [Role.Admin], !users.Users.Any()),
            ("commander", [Role.Commander], demo),
            ("approver", [Role.Approver], demo),
        ];
        foreach (var (name, roles, _) in wanted.Where(w => w.Wanted))
        {
            if (await users.FindByNameAsync(name) is not null) continue;
            var password = Accounts.RandomPassword();
            await accounts.Create(SystemActor.CommandLine, name, password, roles, []);
            await output.WriteLineAsync($"One-time password of '{name}' ({string.Join(", ", roles)}): {password}");
        }
    }
}
