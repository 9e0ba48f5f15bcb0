using Lean.Comm;
using Lean.Engine.Running;
using Lean.Engine.Serving;
using Microsoft.Extensions.Logging;

namespace Lean.Engine.Http;

/// <summary>What every endpoint needs.</summary>
/// <param name="model">The model.</param>
/// <param name="host">The engine.</param>
/// <param name="options">How the server was set up.</param>
/// <param name="describe">Says what a fault was.</param>
internal sealed class ServerState(ServedModel model, EngineHost host, ServerOptions options, Func<Fault, string> describe)
{
    private volatile bool _isDraining;

    /// <summary>The model.</summary>
    public ServedModel Model => model;

    /// <summary>The engine.</summary>
    public EngineHost Host => host;

    /// <summary>How the server was set up.</summary>
    public ServerOptions Options => options;

    /// <summary>The log.</summary>
    public required ILogger Log { get; init; }

    /// <summary>The ranks that the model runs on, or null where there is one.</summary>
    public IRankStatus? Ranks { get; init; }

    /// <summary>Whether the server lets nothing new in.</summary>
    public bool IsDraining
    {
        get => _isDraining;
        set => _isDraining = value;
    }

    /// <summary>What a fault was, in a sentence.</summary>
    public string Describe(Fault fault) => describe(fault);
}
