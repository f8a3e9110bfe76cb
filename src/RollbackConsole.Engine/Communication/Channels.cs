using System.Net.Http.Headers;
using System.Text;
using Microsoft.Extensions.Options;
using RollbackConsole.Store.Communication;

namespace RollbackConsole.Engine.Communication;

/// <summary>Where messages go.</summary>
public sealed class ChannelOptions
{
    /// <summary>Webhooks by the name under which contacts know the channel.</summary>
    public Dictionary<string, WebhookOptions> Webhooks { get; set; } = new(StringComparer.OrdinalIgnoreCase);
}

public sealed class WebhookOptions
{
    public string Url { get; set; } = "";

    /// <summary>Sent as <c>Authorization: Bearer</c> when not empty.</summary>
    public string Token { get; set; } = "";
}

/// <summary>A message could not be delivered.</summary>
/// <param name="later">Trying again may help.</param>
public sealed class DeliveryException(string message, bool later) : Exception(message)
{
    public bool Later { get; } = later;
}

/// <summary>A way to reach somebody: one file each.</summary>
public interface IChannel
{
    /// <summary>Does this channel answer to the name that a contact gives?</summary>
    bool Knows(string name);

    /// <exception cref="DeliveryException">It was not delivered.</exception>
    Task Send(Delivery delivery, CancellationToken ct);
}

/// <summary>Posts the message as JSON. The receiver may get one twice when a node dies at the wrong moment; its id, also sent as <c>Idempotency-Key</c>, stays the same.</summary>
public sealed class WebhookChannel(IOptions<ChannelOptions> options) : IChannel, IDisposable
{
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(10), MaxResponseContentBufferSize = 64 * 1024 };

    public bool Knows(string name) => options.Value.Webhooks.TryGetValue(name, out var hook) && hook.Url.Length > 0;

    public async Task Send(Delivery delivery, CancellationToken ct)
    {
        var hook = options.Value.Webhooks[delivery.Channel];
        using var request = new HttpRequestMessage(HttpMethod.Post, hook.Url) { Content = new StringContent(delivery.Payload, Encoding.UTF8, "application/json") };
        request.Headers.Add("Idempotency-Key", delivery.Id);
        if (hook.Token.Length > 0) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", hook.Token);
        try
        {
            using var answer = await _http.SendAsync(request, ct);
            if (answer.IsSuccessStatusCode) return;
            // What the receiver calls our fault will not get better by repeating it.
            throw new DeliveryException($"The webhook answered {(int)answer.StatusCode}.", (int)answer.StatusCode is >= 500 or 408 or 425 or 429);
        }
        catch (HttpRequestException e)
        {
            throw new DeliveryException($"The webhook cannot be reached: {e.Message}", later: true);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new DeliveryException("The webhook did not answer within 10 s.", later: true);
        }
    }

    public void Dispose() => _http.Dispose();
}
