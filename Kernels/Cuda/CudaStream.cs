using System.Runtime.InteropServices;
using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>A CUDA stream that kernels, copies and fills are queued on.</summary>
public sealed unsafe class CudaStream : KernelStream
{
    /// <summary>The environment variable that, set to off, keeps kernels from starting before the one before them has ended, and branches from running beside the rest.</summary>
    public const string OverlapVariable = "LEAN_OVERLAP";

    private readonly CudaDevice _device;
    private readonly List<(DeviceKernel Kernel, nint Start, nint End)>? _timed;
    private readonly CudaCopies _copies;
    private readonly bool _overlaps;
    private readonly bool _branches;
    private bool _holds;
    private bool _heldBefore;
    private CudaBranch? _branch;
    private nint _stream;

    internal CudaStream(CudaDevice device, bool profile)
    {
        _device = device;
        _copies = new CudaCopies(device);
        _timed = profile ? [] : null;
        _branches = !profile && Environment.GetEnvironmentVariable(OverlapVariable) != "off";
        _overlaps = _branches && device.Info.Capability >= CudaDeviceInfo.Hopper;
        device.Enter();
        Check(CU.StreamCreate(out _stream, CU.StreamNonBlocking), "make a stream");
    }

    /// <inheritdoc/>
    public override string DeviceName => _device.Name;

    /// <inheritdoc/>
    public override KernelDevice Device => _device;

    internal override MatrixUnits MatrixUnits => _device.Info.Capability == 90 ? MatrixUnits.WarpGroup : MatrixUnits.Warp;

    internal override int Multiprocessors => _device.Info.Multiprocessors;

    /// <inheritdoc/>
    internal override bool Fits(DeviceKernel kernel) => _device.Fits(kernel);

    /// <summary>The driver's stream (CUstream), for libraries that queue work of their own on it; within a branch, the branch's.</summary>
    public nint Handle => IsBranch ? _branch!.Handle : _stream != 0 ? _stream : throw new ObjectDisposedException(nameof(CudaStream));

    private protected override bool IsBranch => _branch?.IsOpen == true;

    /// <summary>Whether what is queued goes into a graph, see <see cref="Capture"/>.</summary>
    public bool IsCapturing { get; private set; }

    /// <inheritdoc/>
    public override bool CanCapture => _timed is null && !_device.Shares;

    /// <inheritdoc/>
    public override KernelGraph Capture(Action work)
    {
        ArgumentNullException.ThrowIfNull(work);
        long before = Launches;
        _device.Enter();
        Check(CU.StreamBeginCapture(Handle, CU.CaptureThreadLocal), "capture a step");
        nint graph = 0;
        IsCapturing = true;
        try
        {
            work();
        }
        finally
        {
            IsCapturing = false;
            _branch?.Close();

            // Also after a failure: a stream left capturing takes no other work.
            int error = CU.StreamEndCapture(_stream, out graph);
            graph = error == CU.Success ? graph : 0;
        }

        long launches = Launches - before;
        Launches = before;
        if (graph == 0)
        {
            throw new MachineException($"{_device.Name} failed to capture a step");
        }

        int made = CU.GraphInstantiate(out nint executable, graph, 0);
        _ = CU.GraphDestroy(graph);
        Check(made, "make a captured step ready");
        return new CudaGraph(_device, this, executable, launches);
    }

    /// <inheritdoc/>
    public override void CopyToDevice(Tensor host, Tensor device) => _copies.ToDevice(host, device, Handle);

    /// <inheritdoc/>
    public override void CopyToHost(Tensor device, Tensor host) => _copies.ToHost(device, host, Handle);

    /// <inheritdoc/>
    public override void CopyOnDevice(Tensor source, Tensor target) => _copies.OnDevice(source, target, Handle);

    /// <inheritdoc/>
    public override void Fill(Tensor device, byte value) => _copies.Fill(device, value, Handle);

    /// <summary>
    /// Queues: the count is one more after all work before, at once visible to the host. It can be captured, so the host sees
    /// how far a stream has come while it runs a graph, and where it hangs.
    /// </summary>
    /// <param name="count">This stream's count; no other stream counts it.</param>
    public void Count(StreamCount count)
    {
        ArgumentNullException.ThrowIfNull(count);
        CountOneLauncher.Launch(this, count.Kept, count.Shown);
    }

    /// <inheritdoc/>
    public override IDeviceEvent Record()
    {
        _device.Enter();
        Check(CU.EventCreate(out nint handle, CU.EventDisableTiming), "make an event");
        var marker = new CudaEvent(_device, handle);
        Check(CU.EventRecord(handle, Handle), "mark its work");
        return marker;
    }

    /// <inheritdoc/>
    public override bool RunsAhead => true;

    /// <inheritdoc/>
    public override void Move(IDeviceEvent mark)
    {
        _device.Enter();
        Check(CU.EventRecord(((CudaEvent)mark).Value, Handle), "mark its work");
    }

    /// <inheritdoc/>
    public override void Wait(IDeviceEvent after)
    {
        if (after is not CudaEvent marker)
        {
            after.Synchronize();
            return;
        }

        _device.Enter();
        Check(CU.StreamWaitEvent(Handle, marker.Value, 0), "wait for other work");
    }

    /// <inheritdoc/>
    public override void BeginBranch()
    {
        if (_branches)
        {
            _device.Enter();
            (_branch ??= new CudaBranch(_device)).Begin(_stream);
            (_heldBefore, _holds) = (_holds, true);
        }
    }

    /// <inheritdoc/>
    public override void EndBranch()
    {
        if (_branches)
        {
            _device.Enter();
            _branch!.End();
            _holds = _heldBefore;
        }
    }

    /// <inheritdoc/>
    public override void JoinBranch()
    {
        if (_branches)
        {
            _device.Enter();
            _branch!.Join(_stream);
            _holds = true;
        }
    }

    /// <inheritdoc/>
    public override void Synchronize()
    {
        _device.Enter();
        if (_branch is { IsOpen: true } && !IsCapturing)
        {
            // Nobody waits within a branch but after a failure, which left it open: scratch that grows there drains.
            _branch.Close();
        }

        Check(CU.StreamSynchronize(Handle), "run what was queued");
    }

    private protected override void Drain()
    {
        _device.Enter();
        Check(CU.StreamSynchronize(_stream), "run what was queued");
        if (_branch is not null)
        {
            Check(CU.StreamSynchronize(_branch.Handle), "run what was queued in a branch");
        }
    }

    /// <inheritdoc/>
    public override void TakeTimes(Action<DeviceKernel, TimeSpan> report)
    {
        ArgumentNullException.ThrowIfNull(_timed);
        Synchronize();
        foreach ((DeviceKernel kernel, nint start, nint end) in _timed)
        {
            Check(CU.EventElapsedTime(out float milliseconds, start, end), "time a kernel");
            _ = CU.EventDestroy(start);
            _ = CU.EventDestroy(end);
            report(kernel, TimeSpan.FromMilliseconds(milliseconds));
        }

        _timed.Clear();
    }

    /// <summary>Counts the kernels of a graph.</summary>
    internal void Launched(long count) => Launches += count;

    internal override TensorMap Encode(string kernel, string argument, in Tensor tensor, int tileRows, bool isStreamed)
    {
        int size = tensor.Type.Size();
        long stride = tensor.RowStride * size;
        if (tensor.Address % 16 != 0 || stride % 16 != 0)
        {
            throw new LaunchException($"{kernel}: '{argument}' is {tensor.Shape} {tensor.Type.Name()} on {DeviceName} at {tensor.Address} with {stride} bytes from row to row, expected multiples of 16");
        }

        // The driver writes a map to a multiple of 64, and takes extents from the innermost one.
        byte* room = stackalloc byte[TensorMap.Bytes + 64];
        byte* aligned = (byte*)(((nuint)room + 63) & ~(nuint)63);
        ulong* extents = stackalloc ulong[] { (ulong)tensor.Shape[1], (ulong)tensor.Shape[0] };
        ulong strides = (ulong)stride;
        uint* box = stackalloc uint[] { (uint)(128 / size), (uint)tileRows };
        uint* steps = stackalloc uint[] { 1, 1 };
        _device.Enter();
        Check(
            CU.TensorMapEncodeTiled(
                aligned, tensor.Type == DType.BF16 ? CU.TensorMapBF16 : CU.TensorMapF32, 2, tensor.Address, extents, &strides, box, steps,
                0, CU.TensorMapSwizzle128, isStreamed ? CU.TensorMapFetchAsked : CU.TensorMapFetch256, 0),
            $"describe '{argument}' of {kernel} to its copy engine");
        return *(TensorMap*)aligned;
    }

    internal override IDeviceBuffer AllocateShared(long bytes) => _device.Pin(bytes, CudaMemory.Shared);

    internal override void Launch(DeviceKernel kernel, int groupsX, int groupsY, ReadOnlySpan<KernelArgument> arguments)
    {
        nint function = _device.Function(kernel);
        _device.Enter();

        // Each parameter is a pointer to its value: 16 bytes for a view, the first 4 of them for a number, 128 for a map.
        Parameter* values = stackalloc Parameter[arguments.Length];
        void** pointers = stackalloc void*[arguments.Length];
        for (int i = 0; i < arguments.Length; i++)
        {
            ref readonly KernelArgument argument = ref arguments[i];
            values[i] = argument.IsView
                ? new Parameter { Address = argument.Address, Count = argument.Count }
                : new Parameter { Address = argument.Bits };
            pointers[i] = argument.IsMap ? (void*)argument.Address : &values[i];
        }

        nint start = _timed is null ? 0 : Mark();
        int error = Start(kernel, function, (uint)groupsX, (uint)groupsY, pointers);
        if (error != CU.Success)
        {
            Check(error, $"launch {kernel.Entry}");
        }

        _timed?.Add((kernel, start, Mark()));
        Launches++;
        if (_device.Shares)
        {
            Check(CU.StreamSynchronize(Handle), $"run {kernel.Entry}");
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (_stream == 0)
        {
            return;
        }

        _device.Enter();
        _ = CU.StreamSynchronize(_stream);
        _branch?.Dispose();
        foreach ((_, nint start, nint end) in _timed ?? [])
        {
            _ = CU.EventDestroy(start);
            _ = CU.EventDestroy(end);
        }

        _copies.Dispose();
        base.Dispose(disposing);
        _ = CU.StreamDestroy(_stream);
        _stream = 0;
    }

    /// <inheritdoc/>
    internal override void HoldNext() => _holds = true;

    // On Hopper every kernel says where it must wait for the one before it, so that it may be started early.
    private int Start(DeviceKernel kernel, nint function, uint groupsX, uint groupsY, void** parameters)
    {
        bool starts = _overlaps && !_holds;
        _holds = false;
        if (!starts)
        {
            return CU.LaunchKernel(function, groupsX, groupsY, 1, (uint)kernel.Threads, 1, 1, (uint)kernel.DynamicBytes, Handle, parameters, null);
        }

        var early = new CU.LaunchAttribute { What = CU.ProgrammaticStreamSerialization, Flag = 1 };
        var configuration = new CU.LaunchConfiguration
        {
            GridX = groupsX,
            GridY = groupsY,
            GridZ = 1,
            BlockX = (uint)kernel.Threads,
            BlockY = 1,
            BlockZ = 1,
            SharedBytes = (uint)kernel.DynamicBytes,
            Stream = Handle,
            Attributes = &early,
            AttributeCount = 1,
        };
        return CU.LaunchKernelEx(configuration, function, parameters, null);
    }

    private nint Mark()
    {
        Check(CU.EventCreate(out nint handle, 0), "make an event");
        Check(CU.EventRecord(handle, Handle), "time a kernel");
        return handle;
    }

    private void Check(int error, string what) => CudaError.Check(error, _device.Name, what);

    [StructLayout(LayoutKind.Sequential)]
    private struct Parameter
    {
        public nint Address;
        public long Count;
    }
}
