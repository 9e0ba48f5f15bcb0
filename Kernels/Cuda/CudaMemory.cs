namespace Lean.Kernels;

/// <summary>Whose memory a <see cref="CudaBuffer"/> is.</summary>
internal enum CudaMemory
{
    /// <summary>The device's.</summary>
    Device,

    /// <summary>The host's, pinned.</summary>
    Pinned,

    /// <summary>The host's, pinned, for checks: while any exists, launches are waited for.</summary>
    Shared,
}
