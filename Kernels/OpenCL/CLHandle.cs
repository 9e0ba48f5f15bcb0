using System.Runtime.InteropServices;

namespace Lean.Kernels;

/// <summary>Owns one OpenCL object.</summary>
internal sealed unsafe class CLHandle : SafeHandle
{
    private readonly delegate*<nint, int> _release;

    /// <param name="value">The object.</param>
    /// <param name="release">The function that releases it.</param>
    public CLHandle(nint value, delegate*<nint, int> release) : base(0, ownsHandle: true)
    {
        _release = release;
        SetHandle(value);
    }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>The object; valid while this handle is reachable and not disposed.</summary>
    public nint Value => IsClosed ? throw new ObjectDisposedException(nameof(CLHandle)) : handle;

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => _release(handle) == CL.Success;
}
