using System.Diagnostics;

namespace Lean.Engine.Telemetry;

/// <summary>Where traces of requests begin; nobody pays for what nobody collects.</summary>
internal static class Tracing
{
    /// <summary>The source's name.</summary>
    public const string Name = "Lean";

    /// <summary>The source.</summary>
    public static ActivitySource Source { get; } = new(Name);
}
