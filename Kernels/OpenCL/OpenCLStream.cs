using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>An OpenCL queue, and the kernel objects that it launches: arguments are set on those, so no two streams share one.</summary>
public sealed unsafe class OpenCLStream : KernelStream
{
    private readonly OpenCLDevice _device;
    private readonly DriverHandle _queue;
    private readonly DriverHandle?[] _kernels = new DriverHandle?[DeviceKernels.All.Count];
    private readonly List<(DeviceKernel Kernel, nint Event)>? _timed;

    internal OpenCLStream(OpenCLDevice device, bool profile)
    {
        _device = device;
        _timed = profile ? [] : null;
        nint queue = CL.CreateCommandQueue(device.Context, device.Info.Device, profile ? CL.ProfilingEnable : 0, out int error);
        _queue = new DriverHandle(queue, &CL.ReleaseCommandQueue);
        CLError.Check(error, device.Name, "make a queue");
    }

    /// <inheritdoc/>
    public override string DeviceName => _device.Name;

    /// <inheritdoc/>
    public override KernelDevice Device => _device;

    /// <inheritdoc/>
    public override void CopyToDevice(Tensor host, Tensor device) => Copy(host, device, device, toDevice: true);

    /// <inheritdoc/>
    public override void CopyToHost(Tensor device, Tensor host) => Copy(device, host, device, toDevice: false);

    /// <inheritdoc/>
    public override void CopyOnDevice(Tensor source, Tensor target)
    {
        CheckCopy(source, target, contiguous: true);
        if (source.Bytes > 0)
        {
            ((nint from, long fromOffset), (nint to, long toOffset)) = (Find(source), Find(target));
            Check(
                CL.EnqueueCopyBuffer(_queue.Value, from, to, (nuint)fromOffset, (nuint)toOffset, (nuint)source.Bytes, 0, null, null),
                "copy on the device");
        }
    }

    /// <inheritdoc/>
    public override void Fill(Tensor device, byte value)
    {
        (nint memory, long offset) = Find(device);
        long row = device.Shape.Rank == 0 ? device.Type.Size() : device.Shape.RowCount * device.Type.Size();
        (long rows, long bytes) = device.IsContiguous ? (1, device.Bytes) : (device.Shape[0], row);
        for (long r = 0; r < rows && bytes > 0; r++)
        {
            nuint start = (nuint)(offset + (r * device.RowStride * device.Type.Size()));
            Check(CL.EnqueueFillBuffer(_queue.Value, memory, &value, 1, start, (nuint)bytes, 0, null, null), "fill memory");
        }
    }

    /// <inheritdoc/>
    public override IDeviceEvent Record() => new OpenCLEvent(_device.Name, new DriverHandle(Mark(), &CL.ReleaseEvent));

    /// <inheritdoc/>
    public override bool RunsAhead => true;

    /// <inheritdoc/>
    public override void Move(IDeviceEvent mark) => ((OpenCLEvent)mark).Move(Mark());

    /// <inheritdoc/>
    public override void Wait(IDeviceEvent after)
    {
        if (after is not OpenCLEvent { Value: var value })
        {
            after.Synchronize();
            return;
        }

        Check(CL.EnqueueBarrier(_queue.Value, 1, &value, null), "wait for other work");
    }

    // An event of the driver behind all that is queued; it is begun, since nobody may ask for it before it is done.
    private nint Mark()
    {
        nint done;
        Check(CL.EnqueueMarker(_queue.Value, 0, null, &done), "mark its work");
        Check(CL.Flush(_queue.Value), "begin its work");
        return done;
    }

    /// <inheritdoc/>
    public override void Synchronize() => Check(CL.Finish(_queue.Value), "run what was queued");

    /// <inheritdoc/>
    public override void TakeTimes(Action<DeviceKernel, TimeSpan> report)
    {
        ArgumentNullException.ThrowIfNull(_timed);
        Synchronize();
        foreach ((DeviceKernel kernel, nint handle) in _timed)
        {
            ulong start, end;
            Check(CL.GetEventProfilingInfo(handle, CL.ProfilingStart, sizeof(ulong), &start, out _), "time a kernel");
            Check(CL.GetEventProfilingInfo(handle, CL.ProfilingEnd, sizeof(ulong), &end, out _), "time a kernel");
            _ = CL.ReleaseEvent(handle);
            report(kernel, TimeSpan.FromMicroseconds((end - start) / 1000.0));
        }

        _timed.Clear();
    }

    internal override IDeviceBuffer AllocateShared(long bytes)
    {
        OpenCLBuffer buffer = _device.AllocateShared(bytes);
        Map(buffer.Address, bytes);
        return buffer;
    }

    internal override void Launch(DeviceKernel kernel, int groupsX, int groupsY, ReadOnlySpan<KernelArgument> arguments)
    {
        nint handle = (_kernels[kernel.Index] ??= Create(kernel)).Value;
        SetArguments(kernel, handle, arguments);
        bool shares = _device.Addresses.Shared > 0;
        if (shares)
        {
            GiveSharedToDevice();
        }

        nuint* global = stackalloc nuint[] { (nuint)groupsX * (nuint)kernel.Threads, (nuint)groupsY };
        nuint* local = stackalloc nuint[] { (nuint)kernel.Threads, 1 };
        nint done = 0;
        int error = CL.EnqueueNDRangeKernel(_queue.Value, handle, 2, null, global, local, 0, null, _timed is null ? null : &done);
        if (error != CL.Success)
        {
            Check(error, $"launch {kernel.Entry}");
        }

        _timed?.Add((kernel, done));
        Launches++;
        if (shares)
        {
            Check(CL.Finish(_queue.Value), "run a kernel");
            GiveSharedToHost();
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (_queue.IsClosed)
        {
            return;
        }

        _ = CL.Finish(_queue.Value);
        foreach ((_, nint handle) in _timed ?? [])
        {
            _ = CL.ReleaseEvent(handle);
        }

        foreach (DriverHandle? kernel in _kernels)
        {
            kernel?.Dispose();
        }

        base.Dispose(disposing);
        _queue.Dispose();
    }

    // A buffer and where the view begins in it: see ViewParameter.
    private void SetArguments(DeviceKernel kernel, nint handle, ReadOnlySpan<KernelArgument> arguments)
    {
        uint pointer = 0, parameter = 0;
        foreach (ref readonly KernelArgument argument in arguments)
        {
            parameter += argument.IsView ? 1u : 0;
        }

        foreach (ref readonly KernelArgument argument in arguments)
        {
            int error;
            if (argument.IsView)
            {
                (nint memory, ViewParameter view) = Resolve(kernel, argument);
                error = CL.SetKernelArg(handle, pointer++, (nuint)sizeof(nint), memory == 0 ? null : &memory);
                error = error == CL.Success ? CL.SetKernelArg(handle, parameter++, (nuint)sizeof(ViewParameter), &view) : error;
            }
            else
            {
                int bits = argument.Bits;
                error = CL.SetKernelArg(handle, parameter++, sizeof(int), &bits);
            }

            if (error != CL.Success)
            {
                Check(error, $"take the arguments of {kernel.Entry}");
            }
        }
    }

    private (nint Memory, ViewParameter View) Resolve(DeviceKernel kernel, in KernelArgument argument)
    {
        if (argument.Address == 0)
        {
            return default;
        }

        if (!_device.Addresses.TryFind(argument.Address, argument.Count * argument.ElementSize, out AddressMap.Range range))
        {
            throw new LaunchException($"{kernel.Entry}: {argument.Count} elements at 0x{argument.Address:x} lie in no buffer of {_device.Name}");
        }

        long bytes = argument.Address - range.Start, offset = bytes / argument.ElementSize;
        return bytes % argument.ElementSize == 0 && offset <= int.MaxValue
            ? (range.Memory, new ViewParameter { Offset = (int)offset, Length = argument.Count })
            : throw new LaunchException($"{kernel.Entry}: a view begins {bytes} bytes into its buffer on {_device.Name}, expected whole elements of {argument.ElementSize} bytes, at most {int.MaxValue} of them");
    }

    private DriverHandle Create(DeviceKernel kernel)
    {
        nint handle = CL.CreateKernel(_device.Program(kernel), kernel.Entry, out int error);
        Check(error, $"find {kernel.Entry} in its program");
        return new DriverHandle(handle, &CL.ReleaseKernel);
    }

    private (nint Memory, long Offset) Find(Tensor tensor)
    {
        long bytes = KernelArgument.View(tensor).Count * tensor.Type.Size();
        return _device.Addresses.TryFind(tensor.Address, bytes, out AddressMap.Range range)
            ? (range.Memory, tensor.Address - range.Start)
            : throw new ArgumentException($"{tensor} lies in no buffer of {_device.Name}", nameof(tensor));
    }

    private void Copy(Tensor source, Tensor destination, Tensor device, bool toDevice)
    {
        CheckCopy(source, destination, contiguous: false);
        if (source.Bytes == 0)
        {
            return;
        }

        (nint memory, long offset) = Find(device);
        void* host = (void*)(toDevice ? source.Address : destination.Address);
        string what = toDevice ? "copy to the device" : "copy from the device";
        if (source.IsContiguous && destination.IsContiguous)
        {
            Check(
                toDevice
                    ? CL.EnqueueWriteBuffer(_queue.Value, memory, 0, (nuint)offset, (nuint)source.Bytes, host, 0, null, null)
                    : CL.EnqueueReadBuffer(_queue.Value, memory, 0, (nuint)offset, (nuint)source.Bytes, host, 0, null, null),
                what);
            return;
        }

        int size = source.Type.Size();
        nuint* origin = stackalloc nuint[] { (nuint)offset, 0, 0 };
        nuint* none = stackalloc nuint[] { 0, 0, 0 };
        nuint* region = stackalloc nuint[] { (nuint)(source.Shape.RowCount * size), (nuint)source.Shape[0], 1 };
        nuint deviceRow = (nuint)(device.RowStride * size), hostRow = (nuint)((toDevice ? source : destination).RowStride * size);
        Check(
            toDevice
                ? CL.EnqueueWriteBufferRect(_queue.Value, memory, 0, origin, none, region, deviceRow, 0, hostRow, 0, host, 0, null, null)
                : CL.EnqueueReadBufferRect(_queue.Value, memory, 0, origin, none, region, deviceRow, 0, hostRow, 0, host, 0, null, null),
            what);
    }

    private void GiveSharedToDevice()
    {
        foreach (AddressMap.Range range in _device.Addresses.All)
        {
            if (range.Shared)
            {
                Check(CL.EnqueueUnmapMemObject(_queue.Value, range.Memory, (void*)range.Start, 0, null, null), "give memory to the device");
            }
        }
    }

    private void GiveSharedToHost()
    {
        foreach (AddressMap.Range range in _device.Addresses.All)
        {
            if (range.Shared)
            {
                Map(range.Start, range.Bytes);
            }
        }
    }

    private void Map(nint start, long bytes)
    {
        _ = _device.Addresses.TryFind(start, bytes, out AddressMap.Range range);
        _ = CL.EnqueueMapBuffer(_queue.Value, range.Memory, 1, CL.MapReadWrite, 0, (nuint)long.Max(bytes, 1), 0, null, null, out int error);
        Check(error, "give memory to the host");
    }

    private void Check(int error, string what) => CLError.Check(error, _device.Name, what);
}
