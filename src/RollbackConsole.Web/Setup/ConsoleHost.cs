using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.HttpOverrides;
using Npgsql;
using Radzen;
using RollbackConsole.Domain.Access;
using RollbackConsole.Domain.Journal;
using RollbackConsole.Engine;
using RollbackConsole.Engine.Communication;
using RollbackConsole.Engine.Drills;
using RollbackConsole.Engine.Journal;
using RollbackConsole.Engine.Library;
using RollbackConsole.Engine.Plans;
using RollbackConsole.Engine.Runs;
using RollbackConsole.Engine.Signals;
using RollbackConsole.Steps;
using RollbackConsole.Steps.Running;
using RollbackConsole.Steps.Secrets;
using RollbackConsole.Store;
using RollbackConsole.Store.Embedded;
using RollbackConsole.Web.Access;
using RollbackConsole.Web.Drills;
using RollbackConsole.Web.Journal;
using RollbackConsole.Web.Shell;
using Serilog;

namespace RollbackConsole.Web.Setup;

/// <summary>The composition root: settings, database, services, pipeline, in that order.</summary>
public sealed class ConsoleHost : IAsyncDisposable
{
    private readonly List<IAsyncDisposable> _owned = [];

    public WebApplication App { get; private set; } = null!;

    /// <summary>The first address that the console listens on.</summary>
    public string Address => App.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();

    /// <summary>The settings: the template's defaults, then appsettings.json, then the environment, then the command line.</summary>
    public static void AddSettings(IConfigurationBuilder settings, IEnumerable<KeyValuePair<string, string?>>? more = null)
    {
        settings.Sources.Clear();
        settings.AddJsonFile(Path.Combine(AppContext.BaseDirectory, "appsettings.template.json"), optional: false)
            // What deploy/run presumes (its data folder, the demo) yields to a settings file.
            .AddEnvironmentVariables("ROLLBACK_CONSOLE_DEFAULT_")
            .AddJsonFile(Path.GetFullPath(Environment.GetEnvironmentVariable("ROLLBACK_CONSOLE_SETTINGS") ?? "appsettings.json"), optional: true)
            .AddEnvironmentVariables();
        if (more is not null) settings.AddInMemoryCollection(more);
    }

    /// <summary>Starts everything that requests need; <see cref="Run"/> then serves them.</summary>
    /// <exception cref="InvalidSettingsException">The settings are wrong.</exception>
    /// <exception cref="EmbeddedClusterException">The embedded database cannot be started.</exception>
    public static async Task<ConsoleHost> Build(string[] args, IEnumerable<KeyValuePair<string, string?>>? more, CancellationToken ct)
    {
        var host = new ConsoleHost();
        try
        {
            await host.Compose(args, more, ct);
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (App is not null) await App.DisposeAsync();
        foreach (var owned in Enumerable.Reverse(_owned)) await owned.DisposeAsync();
    }

    private async Task Compose(string[] args, IEnumerable<KeyValuePair<string, string?>>? more, CancellationToken ct)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory, ApplicationName = typeof(ConsoleHost).Assembly.GetName().Name });
        AddSettings(builder.Configuration, more);
        SettingsCheck.Throw(builder.Configuration);
        var options = builder.Configuration.GetSection("Console").Get<ConsoleOptions>()!;
        var data = Path.GetFullPath(options.DataDirectory);
        Directory.CreateDirectory(data);

        var connection = builder.Configuration.GetConnectionString("Console");
        if (string.IsNullOrEmpty(connection))
        {
            var cluster = await EmbeddedCluster.Start(Path.Combine(data, "postgres"), "console", ct);
            _owned.Add(cluster);
            connection = cluster.ConnectionString;
        }
        else
        {
            await EmbeddedCluster.EnsureDatabase(connection, ct);
        }
        if (builder.Configuration.GetValue<bool>("Demo:Enabled"))
        {
            var demo = await DemoTarget.Prepare(data, builder.Configuration.GetValue<int>("Demo:Port"), ct);
            _owned.Add(demo.Cluster);
            builder.Configuration.AddInMemoryCollection(demo.Settings);
            builder.Services.AddSingleton(demo);
            builder.Services.AddHostedService<DemoProcess>();
        }

        await using (var setup = StoreSetup.Connect(connection))
        {
            await StoreSetup.Migrate(setup, ct);
            // Cookies know no ports: two consoles on one host would sign each other out.
            var instance = await StoreSetup.InstanceName(setup, ct);
            builder.Services.ConfigureApplicationCookie(o => o.Cookie.Name = "rollback-console-" + instance);
            builder.Services.AddAntiforgery(o => o.Cookie.Name = "rollback-console-form-" + instance);
        }
        AddServices(builder, options, data, connection);
        App = builder.Build();
        var mask = App.Services.GetRequiredService<SecretMask>();
        MaskSettings(mask, builder.Configuration, connection);
        await FirstStart.EnsureAccounts(App.Services, builder.Configuration.GetValue<bool>("Demo:Enabled"), Console.Out);
        await StandardDocuments.Seed(App.Services.GetRequiredService<DocumentLibrary>(), SystemActor.Library, ct);
        if (options.Library.Length > 0) await App.Services.GetRequiredService<LibraryImport>().Import(options.Library, SystemActor.Library, Domain.Library.Arrival.Seed, ct);
        Pipeline.Use(App);
    }

    private static void AddServices(WebApplicationBuilder builder, ConsoleOptions options, string data, string connection)
    {
        var services = builder.Services;
        builder.Logging.ClearProviders();
        builder.Logging.AddSerilog(new LoggerConfiguration().ReadFrom.Configuration(builder.Configuration)
            .WriteTo.Console(formatProvider: System.Globalization.CultureInfo.InvariantCulture)
            .WriteTo.File(Path.Combine(data, "logs", "console-.log"), rollingInterval: RollingInterval.Day, retainedFileCountLimit: 14, shared: true, formatProvider: System.Globalization.CultureInfo.InvariantCulture)
            .CreateLogger(), dispose: true);
        builder.WebHost.UseUrls([.. options.Urls.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)]);
        builder.WebHost.UseStaticWebAssets();
        builder.WebHost.ConfigureKestrel(k =>
        {
            // The largest body is a plan of 1 MB; a little more lets the reader say which limit was passed.
            k.Limits.MaxRequestBodySize = YamlDocument.Largest + (64 * 1024);
            k.AddServerHeader = false;
        });
        // A step that ends by cancellation needs a moment to stop its processes.
        services.Configure<HostOptions>(h => h.ShutdownTimeout = TimeSpan.FromSeconds(20));
        services.AddSingleton(TimeProvider.System);
        services.Configure<EngineOptions>(builder.Configuration.GetSection("Engine"));
        services.Configure<AuditOptions>(builder.Configuration.GetSection("Audit"));
        services.Configure<TargetOptions>(builder.Configuration.GetSection("Targets"));
        services.Configure<DrillOptions>(builder.Configuration.GetSection("Drills"));
        services.Configure<PrometheusOptions>(builder.Configuration.GetSection("Prometheus"));
        services.Configure<ChannelOptions>(builder.Configuration.GetSection("Channels"));
        services.Configure<ConsoleOptions>(builder.Configuration.GetSection("Console"));
        services.Configure<DemoOptions>(builder.Configuration.GetSection("Demo"));
        services.AddSingleton(new EngineFolders(NodeName(options), data));
        services.AddStore(connection).AddSteps().AddEngine().AddEngineJobs(builder.Configuration.GetValue<int>("Engine:MostRuns"));
        services.Configure<OAuthOptions>(builder.Configuration.GetSection("OAuth"));
        services.AddConsoleAccess(builder.Configuration.GetSection("OAuth").Get<OAuthOptions>());
        // A body that cannot be read is answered with its place, in production too.
        services.Configure<RouteHandlerOptions>(o => o.ThrowOnBadRequest = true);
        services.ConfigureHttpJsonOptions(o => DomainJson.Configure(o.SerializerOptions));
        services.AddSignalR(o => o.MaximumReceiveMessageSize = 64 * 1024).AddJsonProtocol(o => DomainJson.Configure(o.PayloadSerializerOptions));
        // A plan of 1 MB can be edited in a page, which sends it as one message.
        services.AddRazorComponents().AddInteractiveServerComponents().AddHubOptions(o => o.MaximumReceiveMessageSize = 4 * 1024 * 1024);
        services.AddRadzenComponents();
        services.AddProblemDetails();
        services.AddOpenApi("v1");
        services.AddRateLimiter(RateLimits.Configure);
        services.Configure<ForwardedHeadersOptions>(o =>
        {
            o.ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto | ForwardedHeaders.XForwardedHost;
            o.KnownProxies.Clear();
            o.KnownIPNetworks.Clear();
            foreach (var proxy in options.TrustedProxies.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)) o.KnownProxies.Add(System.Net.IPAddress.Parse(proxy));
        });
        services.AddSingleton<Presence>().AddSingleton<LibraryImport>();
        services.AddScoped<CurrentActor>().AddScoped<Ask>();
    }

    private static string NodeName(ConsoleOptions options)
    {
        if (options.Node.Length > 0) return options.Node;
        var first = options.Urls.Split(';')[0];
        var port = Uri.TryCreate(first.Replace("*", "localhost", StringComparison.Ordinal).Replace("+", "localhost", StringComparison.Ordinal), UriKind.Absolute, out var uri) ? uri.Port : 0;
        return $"{Environment.MachineName}:{port}";
    }

    /// <summary>Secrets that the console knows from its settings are masked from the first line on.</summary>
    private static void MaskSettings(SecretMask mask, IConfiguration settings, string connection)
    {
        foreach (var secret in settings.GetSection("Secrets").GetChildren())
            if (secret.Value is { } value) mask.Add(value);
        if (settings["OAuth:ClientSecret"] is { Length: > 0 } client) mask.Add(client);
        foreach (var hook in settings.GetSection("Channels:Webhooks").GetChildren())
            if (hook["Token"] is { Length: > 0 } token) mask.Add(token);
        foreach (var text in settings.GetSection("Targets:Databases").GetChildren().Select(c => c.Value ?? "").Append(connection))
            if (new NpgsqlConnectionStringBuilder(text).Password is { Length: > 0 } password) mask.Add(password);
    }
}
