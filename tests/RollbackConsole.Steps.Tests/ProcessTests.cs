using System.Diagnostics;
using RollbackConsole.Domain.Runs;
using RollbackConsole.Steps.Running;
using RollbackConsole.Tests;

namespace RollbackConsole.Steps.Tests;

public sealed class ProcessTests(TestCluster cluster)
{
    private StepFixture Steps(params (string, string)[] settings) => new(cluster.Folder(), settings);

    [Fact]
    public async Task Arguments_full_of_shell_syntax_arrive_as_they_are()
    {
        var steps = Steps();
        var result = await steps.Run("command/run", """{"argv":["printf","%s\\n","$(touch hacked); `id` && echo \"x\" | cat > y","a b","*"]}""");
        Assert.Equal(StepStatus.Succeeded, result.Status);
        Assert.Equal(["$(touch hacked); `id` && echo \"x\" | cat > y", "a b", "*"], steps.Stream("out"));
        Assert.Empty(Directory.GetFiles(steps.Directory));
    }

    [Fact]
    public async Task A_script_sees_parameters_as_variables_and_never_as_code()
    {
        var steps = Steps();
        await steps.Run("script/run", """{"body":"echo \"got: $PARAMETER_VERSION\""}""", parameters: new() { ["version"] = "v1\"; touch hacked; echo \"" });
        Assert.Equal(["got: v1\"; touch hacked; echo \""], steps.Stream("out"));
        Assert.False(File.Exists(Path.Combine(steps.Directory, "hacked")));
    }

    [Fact]
    public async Task Exit_codes_other_than_zero_fail_and_both_streams_are_told_apart()
    {
        var steps = Steps();
        var result = await steps.Run("script/run", """{"body":"echo good; echo bad >&2; exit 3"}""");
        Assert.Equal((StepStatus.Failed, 3), (result.Status, result.ExitCode!.Value));
        Assert.Equal(["good"], steps.Stream("out"));
        Assert.Equal(["bad"], steps.Stream("err"));
    }

    [Fact]
    public async Task As_another_user_a_step_reaches_only_what_that_user_may()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess && File.ReadLines("/etc/passwd").Any(l => l.StartsWith("nobody:", StringComparison.Ordinal)), "Only root can become another user.");
        var steps = Steps(("Steps:RunAs", "nobody"));
        var mine = Path.Combine(cluster.Folder(), "mine");
        await File.WriteAllTextAsync(mine, "private");
        File.SetUnixFileMode(mine, UnixFileMode.UserRead);
        var result = await steps.Run("command/run", $$"""{"argv":["sh","-c","id -un; echo home=$HOME; cat {{mine}}"]}""");
        Assert.Equal(StepStatus.Failed, result.Status);
        Assert.Equal(["nobody", "home="], steps.Stream("out"));
        Assert.Contains(steps.Stream("err"), l => l.Contains("Permission denied", StringComparison.Ordinal));
        Assert.Contains("no user 'no-such-user'", (await Assert.ThrowsAsync<StepInputException>(() => Steps(("Steps:RunAs", "no-such-user")).Run("command/run", """{"argv":["id"]}"""))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Outputs_that_are_a_link_to_somewhere_else_are_not_read()
    {
        var secret = Path.Combine(cluster.Folder(), "secret");
        await File.WriteAllTextAsync(secret, "password=hunter2\n");
        var steps = Steps();
        var result = await steps.Run("script/run", $$"""{"body":"ln -sf {{secret}} \"$ROLLBACK_CONSOLE_OUTPUTS\""}""");
        Assert.Equal(StepStatus.Failed, result.Status);
        Assert.DoesNotContain("hunter2", result.Summary + string.Join(' ', result.Outputs?.Values ?? []), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Secrets_come_from_a_mounted_folder_too_and_are_masked_in_every_form()
    {
        var folder = cluster.Folder();
        await File.WriteAllTextAsync(Path.Combine(folder, "API_KEY"), "k3y/with+chars==\n");
        await File.WriteAllTextAsync(Path.Combine(cluster.Folder(), "outside"), "never");
        var steps = Steps(("Steps:SecretsFolder", folder));
        const string Body = "printf 'plain %s\\n' \"$KEY\"; printf 'user:%s:x' \"$KEY\" | base64 -w0; echo; printf %s \"$KEY\" | xxd -p 2>/dev/null || printf %s \"$KEY\" | od -An -tx1 | tr -d ' \\n'; echo; printf k3y/with; sleep 0.2; echo '+chars=='";
        var with = new System.Text.Json.Nodes.JsonObject { ["body"] = Body, ["environment"] = new System.Text.Json.Nodes.JsonObject { ["KEY"] = new System.Text.Json.Nodes.JsonObject { ["secret"] = "API_KEY" } } };
        var result = await steps.Run("script/run", with.ToJsonString());
        Assert.Equal(StepStatus.Succeeded, result.Status);
        var all = string.Join('\n', steps.Lines);
        Assert.All((string[])["k3y/with+chars==", Convert.ToHexStringLower("k3y/with+chars=="u8), "azN5L3dpdGg"], form => Assert.DoesNotContain(form, all, StringComparison.Ordinal));
        for (var before = 0; before < 3; before++)
            Assert.DoesNotContain(Convert.ToBase64String([.. new byte[before], .. "k3y/with+chars=="u8])[4..16], steps.Mask.Clean(Convert.ToBase64String([.. new byte[before], .. "k3y/with+chars=="u8, .. "tail"u8])), StringComparison.Ordinal);
        Assert.Contains(steps.Lines, l => l == "plain •••");
        Assert.Contains(steps.Lines, l => l == "•••");
        foreach (var way in (string[])["../outside", "..", ".hidden", "a/b"])
            await Assert.ThrowsAsync<StepInputException>(() => steps.Run("script/run", """{"body":"true","environment":{"KEY":{"secret":"WAY"}}}""".Replace("WAY", way, StringComparison.Ordinal)));
    }

    [Fact]
    public async Task What_another_node_gave_to_a_step_and_what_an_encoder_broke_into_lines_is_masked_too()
    {
        var folder = cluster.Folder();
        const string Long = "4f9d2c7be1a8035b6d9e0f1c2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d";
        await File.WriteAllTextAsync(Path.Combine(folder, "LONG"), Long);
        await File.WriteAllTextAsync(Path.Combine(folder, "file"), "prefix:" + Long + ":suffix");
        var steps = Steps(("Steps:SecretsFolder", folder), ("Secrets:OTHER", "correct-horse-battery"));
        await File.WriteAllTextAsync(Path.Combine(folder, "SHORT"), "shop");
        // A file that nobody can read must not keep anybody from the others.
        File.CreateSymbolicLink(Path.Combine(folder, "GONE"), Path.Combine(folder, "not-there"));
        Directory.CreateSymbolicLink(Path.Combine(folder, "FOLDER"), "/etc");
        // No step of this process was ever given either of them.
        steps.Secrets.Learn();
        await steps.Run("script/run", $$"""{"body":"echo correct-horse-battery; base64 {{folder}}/file; base64 -w64 {{folder}}/LONG; od -An -v -tx1 {{folder}}/LONG | tr -d ' '; echo an ordinary line with averyveryverylongword"}""");
        var shown = steps.Lines.ToList();
        Assert.Equal("•••", shown[0]);
        // A word that is merely there, such as a user's name, stays readable until a step is given it.
        Assert.Equal("a shop", steps.Mask.Clean("a shop"));
        Assert.Equal("shop", steps.Secrets.Find("SHORT"));
        Assert.Equal("a •••", steps.Mask.Clean("a shop"));
        Assert.Contains("an ordinary line with averyveryverylongword", shown);
        for (var at = 0; at + 24 <= Long.Length; at++)
        {
            foreach (var before in (string[])["", "p", "pr", "prefix:"])
                Assert.All(shown, l => Assert.DoesNotContain(Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(before + Long)).Substring(12 + at, 20), l, StringComparison.Ordinal));
            Assert.All(shown, l => Assert.DoesNotContain(Convert.ToHexStringLower(System.Text.Encoding.UTF8.GetBytes(Long)).Substring(at, 20), l, StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task A_program_that_is_not_there_could_not_run()
    {
        var refused = await Assert.ThrowsAsync<StepInputException>(() => Steps().Run("command/run", """{"argv":["no-such-program-anywhere"]}"""));
        Assert.Contains("no-such-program-anywhere", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cancelled_step_takes_its_children_along_even_those_that_left_their_session()
    {
        var steps = Steps();
        using var cancel = new CancellationTokenSource();
        var body = """{"body":"sleep 300 & echo $! > child; setsid sh -c 'echo $$ > stray; exec sleep 300' & (setsid sleep 301 &) ; echo started; wait"}""";
        var running = steps.Run("script/run", body, cancel.Token);
        await Until(() => steps.Lines.Contains("started") && File.Exists(Path.Combine(steps.Directory, "stray")) && File.ReadAllText(Path.Combine(steps.Directory, "stray")).Length > 1);
        int[] children = [.. new[] { "child", "stray" }.Select(f => int.Parse(File.ReadAllText(Path.Combine(steps.Directory, f))))];
        Assert.All(children, c => Assert.True(Alive(c)));
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        await Until(() => !children.Any(Alive));
    }

    [Fact]
    public async Task A_child_left_behind_does_not_hold_the_step()
    {
        var steps = Steps();
        var watch = Stopwatch.StartNew();
        var result = await steps.Run("script/run", """{"body":"sleep 20 & echo $! > child; echo done"}""");
        Assert.Equal(StepStatus.Succeeded, result.Status);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(15), "The step waited for the child.");
        Assert.Contains(steps.Stream("console"), l => l.Contains("left children behind", StringComparison.Ordinal));
        var child = int.Parse(await File.ReadAllTextAsync(Path.Combine(steps.Directory, "child")));
        Assert.True(Alive(child));
        Process.GetProcessById(child).Kill();
    }

    [Fact]
    public async Task The_console_s_own_environment_stays_its_own()
    {
        Environment.SetEnvironmentVariable("CONSOLE_TEST_PRIVATE", "do-not-leak");
        var steps = Steps();
        await steps.Run("command/run", """{"argv":["env"],"environment":{"MINE":"yes"}}""");
        Assert.DoesNotContain(steps.Lines, l => l.Contains("do-not-leak", StringComparison.Ordinal));
        Assert.Contains("MINE=yes", steps.Lines);
    }

    [Fact]
    public async Task Secrets_reach_the_process_but_not_the_log_plain_or_in_base64_or_across_the_cut_of_a_long_line()
    {
        var steps = Steps(("Secrets:TOKEN", "s3cr3t-value-42"));
        await steps.Run("script/run", """{"body":"echo plain $TOKEN; printf %s \"$TOKEN\" | base64; printf %s $TOKEN | wc -c; head -c 16380 /dev/zero | tr '\\0' x; echo $TOKEN","environment":{"TOKEN":{"secret":"TOKEN"}}}""");
        var all = string.Concat(steps.Lines);
        Assert.DoesNotContain("s3cr3t-value-42", all, StringComparison.Ordinal);
        Assert.DoesNotContain(Convert.ToBase64String("s3cr3t-value-42"u8), all, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cr", all, StringComparison.Ordinal);
        Assert.Contains("15", steps.Lines.Select(l => l.Trim()));
    }

    [Fact]
    public async Task A_secret_that_is_not_there_stops_the_step_before_it_starts()
    {
        var refused = await Assert.ThrowsAsync<StepInputException>(() => Steps().Run("command/run", """{"argv":["true"],"environment":{"A":{"secret":"MISSING"}}}"""));
        Assert.Contains("Secrets__MISSING", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Progress_bars_long_lines_and_broken_bytes_become_lines()
    {
        var steps = Steps();
        await steps.Run("script/run", """{"body":"printf '10%%\\r20%%\\r\\nwindows\\r\\n'; head -c 40000 /dev/zero | tr '\\0' y; printf '\\nbad \\377 byte\\nlast'"}""");
        var lines = steps.Stream("out");
        Assert.Equal(["10%", "20%", "windows"], lines.Take(3));
        Assert.Equal(40000, lines.Where(l => l.StartsWith('y')).Sum(l => l.Length));
        Assert.All(lines, l => Assert.True(l.Length <= LinePump.LongestLine));
        Assert.Equal(["bad \uFFFD byte", "last"], lines.TakeLast(2));
    }

    [Fact]
    public async Task Outputs_written_to_the_file_are_handed_on()
    {
        var result = await Steps().Run("script/run", """{"body":"echo url=http://127.0.0.1:1/a=b >> $ROLLBACK_CONSOLE_OUTPUTS"}""");
        Assert.Equal("http://127.0.0.1:1/a=b", result.Outputs!["url"]);
    }

    [Fact]
    public async Task A_preview_runs_nothing_and_names_secrets_only()
    {
        var steps = Steps(("Secrets:TOKEN", "s3cr3t-value-42"));
        var lines = await steps.Preview("command/run", """{"argv":["touch","x y"],"environment":{"TOKEN":{"secret":"TOKEN"}}}""");
        Assert.Equal(["Runs touch 'x y'", "in " + steps.Directory, "with TOKEN=(secret TOKEN)"], lines);
        Assert.Empty(Directory.GetFiles(steps.Directory));
    }

    [Theory]
    [InlineData("../outside.dump")]
    [InlineData("/etc/passwd")]
    [InlineData("place:../../etc/passwd")]
    [InlineData("nowhere:file")]
    public async Task A_file_outside_the_folders_is_refused(string file)
    {
        var steps = Steps(("Targets:Databases:db", "Host=127.0.0.1;Port=1;Username=u;Password=pass1234;Database=d"), ("Targets:Directories:place", cluster.Folder()));
        await Assert.ThrowsAsync<StepInputException>(() => steps.Run("postgres/backup", $$"""{"database":"db","file":"{{file}}"}"""));
    }

    private static bool Alive(int id)
    {
        try
        {
            return !File.ReadAllText($"/proc/{id}/stat").Contains(") Z ", StringComparison.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static async Task Until(Func<bool> condition)
    {
        for (var tries = 0; !condition(); tries++)
        {
            Assert.True(tries < 400, "It did not happen within 20 s.");
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
    }
}
