namespace Lean.Comm;

/// <summary>Which ranks act together.</summary>
public enum GroupKind
{
    /// <summary>All ranks.</summary>
    World,

    /// <summary>The ranks that share a layer's weights.</summary>
    Tensor,

    /// <summary>The ranks that hold the same slices of different replicas.</summary>
    Data,

    /// <summary>The ranks over which a layer's experts are spread.</summary>
    Expert,
}
