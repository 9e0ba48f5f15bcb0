using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>A device's stream that kernels can be queued on.</summary>
public abstract class KernelStream : IStream
{
    private IDeviceBuffer? _scratch;
    private IDeviceBuffer? _branchScratch;

    private protected KernelStream()
    {
    }

    /// <summary>The device, as the command line names it.</summary>
    public abstract string DeviceName { get; }

    /// <summary>The device.</summary>
    public abstract KernelDevice Device { get; }

    /// <summary>Kernels queued so far.</summary>
    public long Launches { get; private protected set; }

    /// <summary>Changes when memory that the stream's ops use moves: a graph captured before must not be launched any more.</summary>
    public int MemoryVersion { get; private set; }

    /// <summary>Whether <see cref="Capture"/> works here.</summary>
    public virtual bool CanCapture => false;

    /// <summary>
    /// Notes what <paramref name="work"/> queues, without running it. It has been run before, with tensors of the same
    /// shapes: nothing may be allocated, compiled or waited for meanwhile.
    /// </summary>
    /// <exception cref="MachineException">The device failed.</exception>
    public virtual KernelGraph Capture(Action work) => throw new NotSupportedException($"{DeviceName} cannot capture work");

    /// <summary>What products of prompt rows run on.</summary>
    internal virtual MatrixUnits MatrixUnits => MatrixUnits.None;

    /// <summary>Groups that the device runs side by side when each wants a multiprocessor to itself.</summary>
    internal virtual int Multiprocessors => 1;

    /// <summary>Whether the device runs a cluster of a kernel's groups; the first call for a kernel loads it.</summary>
    internal virtual bool Fits(DeviceKernel kernel) => true;

    /// <summary>Multiprocessors whose matrix units compute products of prompt rows; 0 where portable kernels do.</summary>
    public int MatrixMultiprocessors => MatrixUnits == MatrixUnits.None ? 0 : Multiprocessors;

    /// <inheritdoc/>
    public abstract void CopyToDevice(Tensor host, Tensor device);

    /// <inheritdoc/>
    public abstract void CopyToHost(Tensor device, Tensor host);

    /// <inheritdoc/>
    public abstract void CopyOnDevice(Tensor source, Tensor target);

    /// <inheritdoc/>
    public abstract void Fill(Tensor device, byte value);

    /// <inheritdoc/>
    public abstract IDeviceEvent Record();

    /// <summary>Whether the host can read what one piece of work gave while the next one runs: <see cref="Move"/> works here.</summary>
    public virtual bool RunsAhead => false;

    /// <summary>Lets an event that <see cref="Record"/> made on this stream, and that is complete, mark the work queued so far.</summary>
    /// <exception cref="MachineException">The device failed.</exception>
    public virtual void Move(IDeviceEvent mark) => throw new NotSupportedException($"{DeviceName} cannot use an event again");

    /// <inheritdoc/>
    public abstract void Wait(IDeviceEvent after);

    /// <inheritdoc/>
    public virtual void BeginBranch()
    {
    }

    /// <inheritdoc/>
    public virtual void EndBranch()
    {
    }

    /// <inheritdoc/>
    public virtual void JoinBranch()
    {
    }

    /// <summary>Whether what is queued now goes into a branch that runs beside the rest.</summary>
    private protected virtual bool IsBranch => false;

    /// <inheritdoc/>
    public abstract void Synchronize();

    /// <summary>Waits for all that was queued so that memory can go, also from within a branch, which stays open.</summary>
    private protected virtual void Drain() => Synchronize();

    /// <summary>Waits, and reports how long each kernel ran since the last call, in order. The stream must have been made to profile.</summary>
    public abstract void TakeTimes(Action<DeviceKernel, TimeSpan> report);

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Queues a kernel; the generated launchers call it.</summary>
    /// <param name="kernel">Which.</param>
    /// <param name="groupsX">Groups along x, at least 1.</param>
    /// <param name="groupsY">Groups along y, at least 1.</param>
    /// <param name="arguments">Its arguments in order.</param>
    /// <exception cref="LaunchException">A view lies in no buffer of the device.</exception>
    /// <exception cref="MachineException">The device failed, or has no such kernel.</exception>
    internal abstract void Launch(DeviceKernel kernel, int groupsX, int groupsY, ReadOnlySpan<KernelArgument> arguments);

    /// <summary>
    /// Where kernels start early, lets the next one start only when all before it have ended: it and those behind it may
    /// then read what these wrote before they wait for anything. Kernels count on that for the tables that say which rows a
    /// step has, since a copy from the host brings such tables otherwise.
    /// </summary>
    internal virtual void HoldNext()
    {
    }

    /// <summary>Describes a tensor to the copy engine, for tiles of rows of 128 bytes, swizzled; generated launchers call it.</summary>
    /// <param name="kernel">Who asks, for messages.</param>
    /// <param name="argument">For which parameter.</param>
    /// <param name="tensor">bf16 or f32 [rows, columns]; its address and the bytes from row to row are multiples of 16.</param>
    /// <param name="tileRows">Rows of a tile, at most 256.</param>
    /// <param name="isStreamed">Whether it streams by: the L2 cache then fetches nothing beside what is asked for.</param>
    /// <exception cref="LaunchException">The tensor lies otherwise, or the device has no copy engine.</exception>
    internal virtual TensorMap Encode(string kernel, string argument, in Tensor tensor, int tileRows, bool isStreamed) =>
        throw new LaunchException($"{kernel}: '{argument}' wants a copy engine, which {DeviceName} has not");

    /// <summary>
    /// Memory for what one op's kernels hand to each other: its contents last until the next op that asks. What a stream
    /// runs, it runs in order, so all its ops share it; those of a branch have their own. It grows to the largest request and stays.
    /// </summary>
    internal Tensor Scratch(long bytes) => Grown(ref IsBranch ? ref _branchScratch : ref _scratch, bytes);

    /// <summary>
    /// Memory that host and device reach at one address, for checks: while any exists, a launch returns when the kernel
    /// is done and the host sees what it wrote.
    /// </summary>
    internal abstract IDeviceBuffer AllocateShared(long bytes);

    private Tensor Grown(ref IDeviceBuffer? memory, long bytes)
    {
        if (memory is null || memory.Bytes < bytes)
        {
            // Twice as much each time: needs that grow with a context's length allocate seldom.
            long wanted = long.Max(bytes, 2 * (memory?.Bytes ?? 0));
            if (memory is not null)
            {
                Drain();
                memory.Dispose();
                memory = null;
            }

            memory = Device.Allocate(wanted);
            MemoryVersion++;
        }

        return memory.View(DType.I8, new Shape(bytes));
    }

    /// <summary>Refuses a copy between views that differ.</summary>
    private protected static void CheckCopy(in Tensor source, in Tensor target, bool contiguous)
    {
        if (source.Type != target.Type || source.Shape != target.Shape || (contiguous && !(source.IsContiguous && target.IsContiguous)))
        {
            throw new ArgumentException($"cannot copy {source} to {target}: expected the same type and shape{(contiguous ? ", and contiguous rows" : "")}", nameof(target));
        }
    }

    /// <summary>Releases what the stream holds.</summary>
    protected virtual void Dispose(bool disposing)
    {
        _scratch?.Dispose();
        _branchScratch?.Dispose();
        (_scratch, _branchScratch) = (null, null);
    }
}
