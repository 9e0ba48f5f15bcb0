using System.Net;
using Microsoft.Extensions.Logging;

namespace Lean.Engine.Http;

/// <summary>How the server listens and what it lets in.</summary>
internal sealed record ServerOptions
{
    /// <summary>Where to listen.</summary>
    public IPAddress Address { get; init; } = IPAddress.Loopback;

    /// <summary>The port; 0 for any that is free.</summary>
    public int Port { get; init; } = 8000;

    /// <summary>Keys of which clients have to show one; none lets everybody in.</summary>
    public IReadOnlyList<string> ApiKeys { get; init; } = [];

    /// <summary>Web pages' origins that may ask; * for all.</summary>
    public IReadOnlyList<string> Origins { get; init; } = [];

    /// <summary>The certificate chain as PEM, or null for no TLS.</summary>
    public string? Certificate { get; init; }

    /// <summary>Its key as PEM, where it is not in the same file.</summary>
    public string? CertificateKey { get; init; }

    /// <summary>The most bytes of a request's body.</summary>
    public long MostBytes { get; init; } = 32L << 20;

    /// <summary>How long requests under way may go on once the server is told to end.</summary>
    public TimeSpan DrainTime { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a step may take before the server calls itself ill.</summary>
    public TimeSpan StepLimit { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The least that is logged.</summary>
    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    /// <summary>Whether a line of the log is a JSON object.</summary>
    public bool LogsJson { get; init; }
}
