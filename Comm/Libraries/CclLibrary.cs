using Lean.Tensors;

namespace Lean.Comm;

/// <summary>NCCL or oneCCL, found at run time. It lives as long as the process.</summary>
public sealed unsafe class CclLibrary
{
    private CclLibrary(CclKind kind, nint handle) => (Kind, Handle) = (kind, handle);

    /// <summary>Which one.</summary>
    public CclKind Kind { get; }

    /// <summary>Its name as options take it: nccl, oneccl.</summary>
    public string Name => Kind == CclKind.Nccl ? "nccl" : "oneccl";

    /// <summary>Whether groups can be ended while something hangs; otherwise only the process's end helps.</summary>
    public bool CanAbort => Kind == CclKind.Nccl;

    /// <summary>Its name and version, and what was chosen of it.</summary>
    public string Description => field ??= CommLibrary.Text((text, capacity) => CommLibrary.CclDescribe(Handle, text, capacity));

    internal nint Handle { get; }

    /// <summary>Opens a library.</summary>
    /// <param name="kind">Which one.</param>
    /// <param name="file">Its path, or null for its usual name.</param>
    /// <exception cref="MachineException">It is not there, or lacks a function.</exception>
    public static CclLibrary Open(CclKind kind, string? file = null)
    {
        if (CommLibrary.WhyUnavailable is { } why)
        {
            throw new MachineException(why);
        }

        CommLibrary.Check(CommLibrary.CclOpen((int)kind, file, out nint handle));
        return new CclLibrary(kind, handle);
    }

    /// <summary>A new group's id, which one rank makes and gives to the others.</summary>
    /// <exception cref="MachineException">The library failed.</exception>
    public byte[] NewId()
    {
        CommLibrary.Check(CommLibrary.CclIdSize(Handle, out nuint bytes));
        byte[] id = new byte[bytes];
        fixed (byte* place = id)
        {
            CommLibrary.Check(CommLibrary.CclId(Handle, place, bytes));
        }

        return id;
    }

    /// <summary>Joins a group; waits until all its ranks have come.</summary>
    /// <param name="id">What <see cref="NewId"/> gave one of them.</param>
    /// <param name="ranks">How many they are.</param>
    /// <param name="rank">Which one this is.</param>
    /// <param name="device">The device's number, for oneCCL; NCCL takes the thread's current one.</param>
    /// <param name="stream">The CUDA stream everything is queued on; 0 for host memory of oneCCL.</param>
    /// <exception cref="MachineException">The library failed, or the id is another library's.</exception>
    public CclGroup Join(ReadOnlySpan<byte> id, int ranks, int rank, int device, nint stream)
    {
        fixed (byte* place = id)
        {
            CommLibrary.Check(CommLibrary.CclJoin(Handle, place, (nuint)id.Length, ranks, rank, (uint)device, out nint group));
            return new CclGroup(this, group, stream);
        }
    }
}
