using System.Runtime.InteropServices;
using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>
/// Owns the memory of one synthetic tensor. Unlike a <see cref="HostBuffer"/> it is not cleared first: the threads that
/// fill it are the first to touch its pages, and share the page faults, which take longer than the filling.
/// </summary>
internal sealed unsafe partial class SyntheticBuffer : SafeHandle
{
    private const int CacheLine = 64;
    private const int HugePage = 2 << 20;
    private const int AdviseHugePages = 14;

    /// <summary>Allocates <paramref name="bytes"/> bytes of whatever was there.</summary>
    /// <exception cref="MachineException">The machine has not that much memory.</exception>
    public SyntheticBuffer(long bytes) : base(0, ownsHandle: true)
    {
        try
        {
            nuint alignment = (nuint)(bytes >= HugePage ? HugePage : CacheLine);
            SetHandle((nint)NativeMemory.AlignedAlloc((nuint)long.Max(bytes, 1), alignment));
        }
        catch (OutOfMemoryException)
        {
            throw new MachineException($"not enough memory: synthetic weights of {bytes:N0} bytes were refused by the system");
        }

        // One fault for 2 MiB instead of 512, and fewer TLB misses later; where the system declines, nothing is lost.
        if (OperatingSystem.IsLinux() && bytes >= HugePage)
        {
            _ = Advise(handle, (nuint)bytes, AdviseHugePages);
        }
    }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>The address of the first byte.</summary>
    public nint Address => handle;

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        NativeMemory.AlignedFree((void*)handle);
        return true;
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Advise(nint address, nuint length, int advice);
}
