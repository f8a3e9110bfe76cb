using RollbackConsole.Domain.Journal;
using RollbackConsole.Domain.Plans;
using RollbackConsole.Engine.Library;
using RollbackConsole.Engine.Plans;
using RollbackConsole.Steps;
using RollbackConsole.Store.Plans;
using RollbackConsole.Tests;

namespace RollbackConsole.Engine.Tests;

public sealed class PlanTests(TestCluster cluster)
{
    private const string Good = """
        plan: good
        title: Good
        service: shop
        risk: modification
        objective: 5m
        downtime: none
        parameters:
          version: { required: true, pattern: '^v[0-9.]+$', description: The release }
        steps:
          - id: backup
            uses: postgres/backup
            with: { database: shop, file: '{{run.directory}}/before.dump' }
            timeout: 5m
          - id: undo
            uses: command/run
            needs: [backup]
            with: { argv: [./release, '{{parameters.version}}'] }
            retry: { attempts: 3, delay: 10s }
            effect: idempotent
            on-failure: stop
        checks: shop-api-standard
        recovery: []
        """;

    private async Task<Node> OneNode() => await Node.Start(await cluster.EmptyDatabase(), cluster.Folder());

    [Fact]
    public async Task The_plan_of_the_contract_is_read_as_written()
    {
        await using var node = await OneNode();
        var reading = node.Get<PlanLibrary>().Read(Good);
        Assert.Empty(reading.Errors);
        var undo = reading.Plan!.Steps[1];
        Assert.Equal((3, TimeSpan.FromSeconds(10), Effect.Idempotent, OnFailure.Stop), (undo.Attempts, undo.RetryDelay, undo.Effect, undo.OnFailure));
        Assert.Equal("checks", Assert.Single(reading.Warnings).Path);
    }

    [Theory]
    [InlineData("plan: [", 2, 1)]
    [InlineData("plan: x\n\tb: 1", 1, 7)]
    [InlineData("- a\n- b", 1, 1)]
    [InlineData("plan: good\nplan: again\ntitle: T\nsteps: []", 2, 1)]
    [InlineData("plan: good\ntitle: T\nrisk: huge\nsteps: [{id: a, uses: wait/for, with: {duration: 1s}}]", 3, 7)]
    [InlineData("plan: good\ntitle: T\nsteps:\n  - id: a\n    uses: no/such", 5, 11)]
    [InlineData("plan: good\ntitle: T\nsteps:\n  - id: a\n    uses: wait/for\n    with: {duration: soon}", 6, 22)]
    [InlineData("plan: good\ntitle: T\nsteps:\n  - id: a\n    uses: wait/for\n    with: {duration: 1s, colour: red}", 6, 26)]
    [InlineData("plan: good\ntitle: T\nsteps:\n  - id: a\n    uses: command/run\n    with: {argv: []}", 6, 18)]
    [InlineData("plan: good\ntitle: T\nsteps:\n  - id: a\n    uses: command/run\n    with: {argv: ['{{parameters.nope}}']}", 6, 19)]
    [InlineData("plan: good\ntitle: T\nsteps:\n  - id: a\n    uses: command/run\n    with: {argv: ['{{steps.b.outputs.x}}']}", 6, 19)]
    [InlineData("plan: good\ntitle: T\nsteps:\n  - id: a\n    uses: script/run\n    with: {body: 'echo {{parameters.v}}'}\nparameters: {v: {}}", 6, 18)]
    [InlineData("plan: good\ntitle: T\nsteps:\n  - {id: a, uses: wait/for, with: {duration: 1s}, needs: [b]}\n  - {id: b, uses: wait/for, with: {duration: 1s}}", 4, 58)]
    [InlineData("plan: good\ntitle: T\nsteps: [{id: a, uses: wait/for, with: {duration: 1s}, timeout: 30}]", 3, 64)]
    [InlineData("plan: good\ntitle: T\nsteps: [{id: a, uses: wait/for, with: {duration: 1s}, effect: once, retry: {attempts: 2}}]", 3, 76)]
    [InlineData("plan: good\ntitle: T\nsteps: [{id: a, uses: wait/for, with: {duration: 1s}}, {id: b, uses: wait/for, with: {duration: 1s}, needs: [[a]]}]", 3, 110)]
    [InlineData("plan: good\ntitle: T\nsteps: [{id: a, uses: command/run, with: {argv: ['{{incident.foo}}']}}]", 3, 50)]
    [InlineData("plan: good\ntitle: T\nchecks: [{id: c, uses: wait/for, with: {duration: 1s}, undo: {uses: wait/for, with: {duration: 1s}}}]\nsteps: [{id: a, uses: wait/for, with: {duration: 1s}}]", 3, 62)]
    [InlineData("plan: good\ntitle: T\nparameters: {p: {pattern: '('}}\nsteps: [{id: a, uses: wait/for, with: {duration: 1s}}]", 3, 27)]
    public async Task Every_error_has_its_line_and_column(string yaml, int line, int column)
    {
        await using var node = await OneNode();
        var errors = node.Get<PlanLibrary>().Read(yaml).Errors;
        Assert.Contains(errors, e => (e.Line, e.Column) == (line, column));
    }

    [Fact]
    public async Task Every_error_is_told_at_once()
    {
        await using var node = await OneNode();
        var errors = node.Get<PlanLibrary>().Read("plan: BAD\nsteps:\n  - {id: a, uses: x/y, tiemout: 5m}\n  - {id: a, uses: wait/for}").Errors;
        Assert.True(errors.Count >= 6, string.Join("\n", errors));
        Assert.Contains(errors, e => e.Message.Contains("Did you mean 'timeout'?", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("a: &x [1]\nb: *x", "Anchors")]
    [InlineData("a: *x", "lias")]
    [InlineData("a: !!python/object x", "Tags")]
    [InlineData("a: 1\n---\nb: 2", "second document")]
    [InlineData("", "empty")]
    [InlineData("a: \"x\\0y\"", "zero character")]
    public void Hostile_yaml_is_refused_with_a_sentence(string yaml, string word) =>
        Assert.Contains(YamlDocument.Read(yaml).Errors, e => e.Message.Contains(word, StringComparison.Ordinal) && e.Line >= 1);

    [Fact]
    public void Deep_wide_and_large_documents_are_refused_quickly()
    {
        Assert.Contains("nested deeper", YamlDocument.Read(string.Concat(Enumerable.Repeat("[", 500))).Errors[0].Message, StringComparison.Ordinal);
        Assert.Contains("more than", YamlDocument.Read("[" + string.Concat(Enumerable.Repeat("1,", 60_000)) + "1]").Errors[0].Message, StringComparison.Ordinal);
        Assert.Contains("more than 100 errors", YamlDocument.Read("{" + string.Concat(Enumerable.Repeat("a: 1,", 5_000)) + "a: 1}").Errors[^1].Message, StringComparison.Ordinal);
        Assert.Contains("the most", YamlDocument.Read(new string('a', YamlDocument.Largest + 1)).Errors[0].Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_circle_of_needs_is_named()
    {
        await using var node = await OneNode();
        var errors = node.Get<PlanLibrary>().Read("""
            plan: circle
            title: Circle
            steps:
              - { id: a, uses: wait/for, with: { duration: 1s }, needs: [c] }
              - { id: b, uses: wait/for, with: { duration: 1s }, needs: [a] }
              - { id: c, uses: wait/for, with: { duration: 1s }, needs: [b] }
            """).Errors;
        Assert.Contains("a, b, c", Assert.Single(errors).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_same_content_is_the_same_version_whatever_its_spacing()
    {
        await using var node = await OneNode();
        var library = node.Get<PlanLibrary>();
        var first = await library.Put(Node.Admin, "good", Good, default);
        var same = await library.Put(Node.Admin, "good", "# a remark\n" + Good.Replace("title: Good", "title:   \"Good\"", StringComparison.Ordinal), default);
        var other = await library.Put(Node.Admin, "good", Good.Replace("5m", "6m", StringComparison.Ordinal), default);
        Assert.Equal((1, 1, 2), (first.Version, same.Version, other.Version));
        Assert.Equal(first.Digest, same.Digest);
        Assert.Equal(2, (await node.Get<PlanRows>().Versions("good")).Count);
        await Assert.ThrowsAsync<RefusedException>(() => library.Put(Node.Commander, "good", Good, default));
        await Assert.ThrowsAsync<InvalidDocumentException>(() => library.Put(Node.Admin, "other-name", Good, default));
    }

    [Theory]
    [InlineData("version", "v1", null)]
    [InlineData("version", "1; rm -rf /", "version")]
    [InlineData("version", "v1\n", "version")]
    [InlineData("verison", "v1", "verison")]
    public async Task Parameters_are_checked_before_a_run_is_asked_for(string name, string value, string? field)
    {
        await using var node = await OneNode();
        var task = node.Request(Good.Replace("checks: shop-api-standard", "checks: []", StringComparison.Ordinal), parameters: new() { [name] = value });
        if (field is null) Assert.Equal("v1", (await task).Parameters["version"]);
        else Assert.Equal("parameters." + field, (await Assert.ThrowsAsync<RefusedException>(() => task)).Refusal.Field);
    }

    [Fact]
    public async Task A_hostile_pattern_cannot_hang_the_console()
    {
        await using var node = await OneNode();
        var reading = node.Get<PlanLibrary>().Read("plan: p\ntitle: T\nparameters: {v: {pattern: '(a+)+b'}}\nsteps: [{id: a, uses: wait/for, with: {duration: 1s}}]");
        Assert.NotNull(ParameterValues.Complaint(reading.Plan!.Parameters[0], new string('a', 4000)));
    }

    [Fact]
    public async Task The_preview_shows_rendered_values_and_names_outputs_that_do_not_exist_yet()
    {
        await using var node = await OneNode();
        var reading = node.Get<PlanLibrary>().Read("""
            plan: p
            title: P
            parameters: { v: {} }
            steps:
              - { id: one, uses: command/run, with: { argv: [echo, '{{parameters.v}}'] } }
              - { id: two, uses: http/check, with: { url: '{{steps.one.outputs.url}}/x' } }
              - { id: three, uses: command/run, with: { argv: [x], directory: unknown } }
            """);
        var steps = await node.Get<PlanPreview>().Of(reading.Plan!, new Dictionary<string, string> { ["v"] = "a b" }, "shop", "production", Domain.Incidents.Incident.None, "preview", "", default);
        Assert.Equal("Runs echo 'a b'", steps[0].Does[0]);
        Assert.Equal("Asks GET ‹url of one›/x", steps[1].Does[0]);
        Assert.Contains("Targets__Directories__unknown", steps[2].Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void The_shipped_library_is_valid()
    {
        var root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "RollbackConsole.sln"))) root = Path.GetDirectoryName(root)!;
        var kinds = new StepKinds([.. typeof(StepKinds).Assembly.GetTypes().Where(t => t.IsClass && typeof(IStepKind).IsAssignableFrom(t))
            .Select(t => (IStepKind)Activator.CreateInstance(t, [.. t.GetConstructors()[0].GetParameters().Select(_ => (object?)null)])!)]);
        var library = new PlanLibrary(null!, null!, kinds, new Templates(), TimeProvider.System);
        var files = Directory.GetFiles(Path.Combine(root, "deploy", "library", "plans"), "*.yaml");
        Assert.NotEmpty(files);
        Assert.All(files, f => Assert.Empty(library.Read(File.ReadAllText(f)).Errors));
    }
}
