using System.Collections.Concurrent;
using Npgsql;

namespace Shop;

/// <summary>The shop's API. Release v2 has a real fault: it takes every shipping zone for a number.</summary>
public static class Api
{
    public static async Task<int> Serve(ShopSettings settings, string release)
    {
        if (release is not ("v1" or "v2"))
        {
            await Console.Error.WriteLineAsync($"There is no release {release}.");
            return 2;
        }
        var builder = WebApplication.CreateBuilder();
        builder.WebHost.UseUrls(settings.Url);
        builder.Logging.SetMinimumLevel(LogLevel.Critical);
        await using var database = NpgsqlDataSource.Create(settings.Database);
        var answers = new Answers(TimeProvider.System);
        await using var app = builder.Build();
        app.Use(async (context, next) =>
        {
            // The circuit breaker's lever: new orders are turned away before they touch anything, reading goes on.
            if (HttpMethods.IsPost(context.Request.Method) && context.Request.Path.StartsWithSegments("/orders") && Random.Shared.Next(100) >= Intake(settings))
            {
                context.Response.StatusCode = StatusCodes.Status429TooManyRequests;
                return;
            }
            try
            {
                await next(context);
            }
            catch (Exception e) when (e is FormatException or NpgsqlException)
            {
                context.Response.StatusCode = 500;
                await context.Response.WriteAsJsonAsync(new { error = e.Message });
            }
            if (context.Request.Path.StartsWithSegments("/orders")) answers.Add(context.Response.StatusCode >= 500);
        });
        app.MapGet("/version", () => new { release });
        app.MapGet("/health", () => new { release, status = answers.ErrorRate() < 0.05 ? "ok" : "failing", errorRate = answers.ErrorRate() });
        app.MapGet("/orders/{id:long}", (long id) => release == "v1" ? OrderV1(database, id) : OrderV2(database, id));
        app.MapPost("/orders", (NewOrder order) => release == "v1" ? PlaceV1(database, order) : PlaceV2(database, order));
        await app.StartAsync();
        // The supervisor closes our input to end us.
        _ = Task.Run(async () =>
        {
            while (await Console.In.ReadLineAsync() is not null) { }
            await app.StopAsync();
        });
        await app.WaitForShutdownAsync();
        return 0;
    }

    /// <summary>Of a hundred new orders, how many are taken.</summary>
    private static int Intake(ShopSettings settings) => File.Exists(settings.IntakeFile) && int.TryParse(File.ReadAllText(settings.IntakeFile), out var share) ? share : 100;

    private static async Task<IResult> OrderV1(NpgsqlDataSource database, long id)
    {
        await using var command = database.CreateCommand("select customer, zone, total_cents, coupon from orders where id = $1");
        command.Parameters.AddWithValue(id);
        await using var reader = await command.ExecuteReaderAsync();
        if (!await reader.ReadAsync()) return Results.NotFound();
        return Results.Ok(new { id, customer = reader.GetString(0), zone = reader.GetString(1), totalCents = reader.GetInt32(2), coupon = reader.IsDBNull(3) ? null : reader.GetString(3) });
    }

    private static async Task<IResult> OrderV2(NpgsqlDataSource database, long id)
    {
        await using var command = database.CreateCommand("select customer, zone, total_cents from orders where id = $1");
        command.Parameters.AddWithValue(id);
        await using var reader = await command.ExecuteReaderAsync();
        if (!await reader.ReadAsync()) return Results.NotFound();
        // The fault: zones such as EU-1 are no numbers, and two orders of five have one.
        return Results.Ok(new { id, customer = reader.GetString(0), zone = int.Parse(reader.GetString(1)), totalCents = reader.GetInt32(2) });
    }

    private static async Task<IResult> PlaceV1(NpgsqlDataSource database, NewOrder order)
    {
        await using var command = database.CreateCommand("insert into orders (customer, zone, total_cents, coupon) values ($1, $2, $3, $4) returning id");
        command.Parameters.AddWithValue(order.Customer);
        command.Parameters.AddWithValue(order.Zone);
        command.Parameters.AddWithValue(order.TotalCents);
        command.Parameters.AddWithValue((object?)order.Coupon ?? DBNull.Value);
        return Results.Created($"/orders/{await command.ExecuteScalarAsync()}", null);
    }

    private static async Task<IResult> PlaceV2(NpgsqlDataSource database, NewOrder order)
    {
        await using var command = database.CreateCommand("insert into orders (customer, zone, total_cents) values ($1, $2, $3) returning id");
        command.Parameters.AddWithValue(order.Customer);
        command.Parameters.AddWithValue(order.Zone);
        command.Parameters.AddWithValue(order.TotalCents);
        var id = await command.ExecuteScalarAsync();
        return Results.Created($"/orders/{id}", new { zone = int.Parse(order.Zone) });
    }

    public sealed record NewOrder(string Customer, string Zone, int TotalCents, string? Coupon);

    /// <summary>What was answered in the last five seconds.</summary>
    private sealed class Answers(TimeProvider time)
    {
        private readonly ConcurrentQueue<(DateTimeOffset At, bool Failed)> _recent = new();

        public void Add(bool failed) => _recent.Enqueue((time.GetUtcNow(), failed));

        public double ErrorRate()
        {
            while (_recent.TryPeek(out var oldest) && time.GetUtcNow() - oldest.At > TimeSpan.FromSeconds(5)) _recent.TryDequeue(out _);
            return _recent.IsEmpty ? 0 : (double)_recent.Count(a => a.Failed) / _recent.Count;
        }
    }
}
