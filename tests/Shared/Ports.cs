using System.Net;
using System.Net.Sockets;

namespace RollbackConsole.Tests;

/// <summary>Ports for what tests start as processes of their own.</summary>
internal static class Ports
{
    /// <summary>A port below the range from which the system gives ports to everybody else in the meantime.</summary>
    public static int Free()
    {
        while (true)
        {
            var port = Random.Shared.Next(20_000, 30_000);
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Taken: try another.
            }
        }
    }
}
