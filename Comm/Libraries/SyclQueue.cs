using System.Runtime.InteropServices;
using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// A SYCL queue on what Level Zero has, which oneCCL takes for a stream: with one, collectives are queued on the device; without,
/// they go through host memory. It can be made only where DPC++ was found when Lean was built. Untested on hardware.
/// </summary>
public sealed class SyclQueue : SafeHandle
{
    private readonly string? _file;

    private SyclQueue(nint handle, string? file) : base(0, ownsHandle: true)
    {
        _file = file;
        SetHandle(handle);
    }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>What <see cref="CclLibrary.Join"/> of oneCCL takes for the stream.</summary>
    public nint Stream => handle;

    /// <summary>Makes one; the handles stay the caller's, and outlive it.</summary>
    /// <param name="context">A ze_context_handle_t.</param>
    /// <param name="device">A ze_device_handle_t.</param>
    /// <param name="list">A ze_command_list_handle_t: immediate and in order.</param>
    /// <param name="file">The library's path, or null for the one beside the program.</param>
    /// <exception cref="MachineException">This build has no SYCL, or it refuses.</exception>
    public static SyclQueue Of(nint context, nint device, nint list, string? file = null)
    {
        if (CommLibrary.WhyUnavailable is { } why)
        {
            throw new MachineException(why);
        }

        file ??= Path.Combine(AppContext.BaseDirectory, "liblean-sycl.so");
        CommLibrary.Check(CommLibrary.SyclQueue(file, context, device, list, out nint queue));
        return new SyclQueue(queue, file);
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => CommLibrary.SyclRelease(_file, handle) == CommLibrary.Ok;
}
