using Microsoft.Extensions.Logging;

namespace Lean.Engine.Http;

/// <summary>Everything the server logs.</summary>
internal static partial class ServerLog
{
    [LoggerMessage(1, LogLevel.Information, "Serving {Model} at {Address}")]
    public static partial void Listening(ILogger log, string model, string address);

    [LoggerMessage(2, LogLevel.Warning, "Everybody who reaches {Address} may ask: there is no API key")]
    public static partial void OpenToAll(ILogger log, string address);

    [LoggerMessage(3, LogLevel.Information, "Ending: {Open} sequences under way have {Seconds} s; a second signal ends them at once")]
    public static partial void Draining(ILogger log, int open, double seconds);

    [LoggerMessage(4, LogLevel.Information, "Ended")]
    public static partial void Ended(ILogger log);

    [LoggerMessage(5, LogLevel.Debug, "{Path} answered {Status}: {Message}")]
    public static partial void Refused(ILogger log, string path, int status, string message);

    [LoggerMessage(6, LogLevel.Error, "{Path} failed")]
    public static partial void Failed(ILogger log, string path, Exception fault);

    [LoggerMessage(7, LogLevel.Error, "{Path} ended in an error: {Message}")]
    public static partial void Fault(ILogger log, string path, string message);

    [LoggerMessage(8, LogLevel.Warning, "{Path}: the client does not read its stream, which was dropped")]
    public static partial void SlowReader(ILogger log, string path);

    [LoggerMessage(9, LogLevel.Critical, "The engine failed: {Message}")]
    public static partial void EngineFailed(ILogger log, string message);

    [LoggerMessage(10, LogLevel.Information, "{Line}")]
    public static partial void Caches(ILogger log, string line);

    [LoggerMessage(11, LogLevel.Information, "{Line}")]
    public static partial void Steps(ILogger log, string line);
}
