using System.Runtime.InteropServices;

namespace Lean.Kernels;

/// <summary>Owns one object of a driver whose functions return 0 where they did what they were asked: OpenCL, Level Zero.</summary>
internal sealed unsafe class DriverHandle : SafeHandle
{
    private readonly delegate*<nint, int> _release;

    /// <param name="value">The object.</param>
    /// <param name="release">The function that releases it.</param>
    public DriverHandle(nint value, delegate*<nint, int> release) : base(0, ownsHandle: true)
    {
        _release = release;
        SetHandle(value);
    }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>The object; valid while this handle is reachable and not disposed.</summary>
    public nint Value => IsClosed ? throw new ObjectDisposedException(nameof(DriverHandle)) : handle;

    /// <summary>Releases the object and owns another.</summary>
    public void Replace(nint value)
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        _ = _release(handle);
        SetHandle(value);
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => _release(handle) == 0;
}
