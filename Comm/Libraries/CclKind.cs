namespace Lean.Comm;

/// <summary>Libraries that move tensors between devices and share one interface.</summary>
public enum CclKind
{
    /// <summary>NVIDIA's.</summary>
    Nccl,

    /// <summary>Intel's.</summary>
    OneCcl,
}
