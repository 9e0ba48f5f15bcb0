using System.Runtime.InteropServices;
using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// A rank's membership in a group of NCCL or oneCCL. Calls queue work on the group's one stream and return; tensors are
/// contiguous, in the device's memory, and stay until the work is done.
/// </summary>
public sealed class CclGroup : SafeHandle
{
    private const int Sum = 0;

    private readonly CclLibrary _library;
    private readonly nint _stream;

    internal CclGroup(CclLibrary library, nint handle, nint stream) : base(0, ownsHandle: true)
    {
        (_library, _stream) = (library, stream);
        SetHandle(handle);
    }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>The library's own sum: its order depends on sizes where there are more than two ranks.</summary>
    /// <exception cref="MachineException">The library failed.</exception>
    public void AllReduce(Tensor send, Tensor receive) => CommLibrary.Check(
        CommLibrary.CclAllReduce(handle, send.Address, receive.Address, (nuint)send.Shape.Count, Number(send.Type), Sum, _stream));

    /// <summary>All members' tensors, of equal sizes, by rank.</summary>
    /// <exception cref="MachineException">The library failed.</exception>
    public void AllGather(Tensor send, Tensor receive) => CommLibrary.Check(
        CommLibrary.CclAllGather(handle, send.Address, receive.Address, (nuint)send.Shape.Count, Number(send.Type), _stream));

    /// <summary>This rank's part, of equal sizes, of the library's own sum.</summary>
    /// <exception cref="MachineException">The library failed.</exception>
    public void ReduceScatter(Tensor send, Tensor receive) => CommLibrary.Check(
        CommLibrary.CclReduceScatter(handle, send.Address, receive.Address, (nuint)receive.Shape.Count, Number(send.Type), Sum, _stream));

    /// <summary>The root's tensor.</summary>
    /// <exception cref="MachineException">The library failed.</exception>
    public void Broadcast(Tensor send, Tensor receive, int root) => CommLibrary.Check(
        CommLibrary.CclBroadcast(handle, send.Address, receive.Address, (nuint)receive.Shape.Count, Number(receive.Type), root, _stream));

    /// <summary>A tensor for another rank, which receives it.</summary>
    /// <exception cref="MachineException">The library failed.</exception>
    public void Send(Tensor data, int peer) => CommLibrary.Check(
        CommLibrary.CclSend(handle, data.Address, (nuint)data.Shape.Count, Number(data.Type), peer, _stream));

    /// <summary>A tensor from another rank, which sends it.</summary>
    /// <exception cref="MachineException">The library failed.</exception>
    public void Receive(Tensor data, int peer) => CommLibrary.Check(
        CommLibrary.CclReceive(handle, data.Address, (nuint)data.Shape.Count, Number(data.Type), peer, _stream));

    /// <summary>Sends and receives from here to <see cref="EndBatch"/> are one operation, in which none waits for another.</summary>
    /// <exception cref="MachineException">The library failed.</exception>
    public void BeginBatch() => CommLibrary.Check(CommLibrary.CclBatchBegin(_library.Handle));

    /// <summary>Queues them.</summary>
    /// <exception cref="MachineException">The library failed.</exception>
    public void EndBatch() => CommLibrary.Check(CommLibrary.CclBatchEnd(_library.Handle));

    /// <summary>Ends a batch of which a part was refused: that is the fault to tell, whatever the library says of the rest.</summary>
    public void DropBatch() => _ = CommLibrary.CclBatchEnd(_library.Handle);

    /// <summary>Throws where queued work has failed so far; does not wait.</summary>
    /// <exception cref="MachineException">It has.</exception>
    public void Check() => CommLibrary.Check(CommLibrary.CclCheck(handle));

    /// <summary>
    /// Ends what hangs on the device, and lets another thread out of a call; every later call fails. oneCCL cannot: there, only
    /// the process's end helps. Disposed of only when no thread is inside.
    /// </summary>
    /// <exception cref="MachineException">The library cannot, or failed.</exception>
    public void Abort() => CommLibrary.Check(CommLibrary.CclAbort(handle));

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => CommLibrary.CclLeave(handle) == CommLibrary.Ok;

    // The libraries' own numbers. What is only moved, never added, travels as bytes where they have no such type.
    private static int Number(DType type) => type switch
    {
        DType.I8 or DType.F8E4M3 => 0,
        DType.I32 or DType.PackedI4 => 2,
        DType.I64 => 4,
        DType.F16 => 6,
        DType.F32 => 7,
        DType.BF16 => 9,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "not a DType"),
    };
}
