using Microsoft.Extensions.Configuration;
using RollbackConsole.Tests;
using RollbackConsole.Web.Cli;
using RollbackConsole.Web.Setup;

namespace RollbackConsole.Web.Tests;

public sealed class SettingsTests(TestCluster cluster)
{
    [Fact]
    public void The_template_s_defaults_are_valid() => Assert.Empty(SettingsCheck.Errors(Settings()));

    [Fact]
    public void Every_wrong_setting_is_named_at_once_and_no_password_is_repeated()
    {
        var errors = SettingsCheck.Errors(Settings(("Console:Urls", "nonsense"), ("Console:DataDirectory", ""), ("Console:Urlz", "x"), ("Engine:MostRuns", "0"), ("Engine:LeaseLength", "soon"),
            ("ConnectionStrings:Console", "Passwort=geheim123"), ("Targets:Databases:shop", "Host=;Password=geheim123"), ("Targets:Directories:x", "relative"), ("Demo:Enabled", "perhaps"),
            ("Prometheus:Sources:main", "9090"), ("Prometheus:Source:main", "http://p"), ("Channels:Webhooks:webhook:Url", "file:///etc/passwd"), ("Channels:Webhooks:webhook:Tokn", "geheim123"))).ToList();
        foreach (var key in (string[])["Console:Urls:", "Console:DataDirectory", "Console:Urlz", "Engine:MostRuns", "Engine:LeaseLength", "ConnectionStrings:Console", "Targets:Databases:shop", "Targets:Directories:x", "Demo:Enabled", "Prometheus:Sources:main", "Prometheus:Source is", "Channels:Webhooks:webhook:Url", "Channels:Webhooks:webhook:Tokn"])
            Assert.Contains(errors, e => e.StartsWith(key, StringComparison.Ordinal));
        Assert.DoesNotContain(errors, e => e.Contains("geheim123", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_wrong_setting_stops_the_start_before_anything_is_touched()
    {
        var folder = Path.Combine(cluster.Folder(), "never");
        await Assert.ThrowsAsync<InvalidSettingsException>(() => ConsoleHost.Build([], [new("Console:DataDirectory", folder), new("Engine:MostRuns", "none")], default));
        Assert.False(Directory.Exists(folder));
    }

    [Fact]
    public void References_between_projects_point_one_way()
    {
        var root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "RollbackConsole.sln"))) root = Path.GetDirectoryName(root)!;
        Dictionary<string, string[]> allowed = new(StringComparer.Ordinal)
        {
            ["Domain"] = [], ["Store"] = ["Domain"], ["Steps"] = ["Domain"], ["Engine"] = ["Steps", "Store"], ["Web"] = ["Engine", "BlazorScript"],
        };
        foreach (var (project, may) in allowed)
        {
            var file = File.ReadAllText(Path.Combine(root, "src", $"RollbackConsole.{project}", $"RollbackConsole.{project}.csproj"))
                + (project == "Web" ? File.ReadAllText(Path.Combine(root, "src", "RollbackConsole.Web", "BlazorScript.targets")) : "");
            var references = System.Text.RegularExpressions.Regex.Matches(file, "ProjectReference Include=\"[^\"]*/(?:RollbackConsole\\.)?(?<name>\\w+)\\.csproj\"", System.Text.RegularExpressions.RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1)).Select(m => m.Groups["name"].Value);
            Assert.Equal(may.Order(), references.Order());
            if (project == "Domain") Assert.DoesNotContain("PackageReference", file, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("help", 0, "usage")]
    [InlineData("token", 2, "usage")]
    [InlineData("library check /nowhere", 2, "/nowhere")]
    [InlineData("tokn create", 2, "usage")]
    [InlineData("token create --help", 0, "usage")]
    [InlineData("token create --name", 2, "--name needs a value")]
    [InlineData("token create --name a --gruop b", 2, "--gruop")]
    [InlineData("token create --name a b --role viewer", 2, "takes one value")]
    public async Task The_command_line_explains_itself(string line, int code, string word)
    {
        var output = new StringWriter();
        Assert.Equal(code, await AdminCli.Run(line.Split(' '), output, output, default));
        Assert.Contains(word, output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Options_are_taken_in_every_way_that_people_write_them()
    {
        var line = Arguments.Parse(["token", "create", "--name=ci", "--role", "commander", "approver", "--role", "viewer,support", "--set", "a=1", "--set", "b=x=y"]);
        Assert.Equal(["token", "create"], line.Words);
        Assert.Equal("ci", line.One("name"));
        Assert.Equal(["commander", "approver", "viewer", "support"], line.Many("role"));
        Assert.Equal("x=y", line.Pairs("set")["b"]);
    }

    private static IConfiguration Settings(params (string Key, string Value)[] more)
    {
        var builder = new ConfigurationManager();
        ConsoleHost.AddSettings(builder, more.Select(m => KeyValuePair.Create(m.Key, (string?)m.Value)));
        return builder;
    }
}
