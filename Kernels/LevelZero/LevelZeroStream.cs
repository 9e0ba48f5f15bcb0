using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// An immediate command list whose commands run in order, and the kernel objects that it launches: arguments are set on
/// those, so no two streams share one.
/// </summary>
public sealed unsafe class LevelZeroStream : KernelStream
{
    private readonly LevelZeroDevice _device;
    private readonly DriverHandle _list;
    private readonly DriverHandle?[] _kernels = new DriverHandle?[DeviceKernels.All.Count];
    private readonly List<LevelZeroEvent> _held = [];
    private readonly List<(DeviceKernel Kernel, nint Event)>? _timed;

    internal LevelZeroStream(LevelZeroDevice device, bool profile)
    {
        _device = device;
        _timed = profile ? [] : null;
        var description = new ZEQueueDescription
        {
            Header = new(ZEHeader.Number.Queue),
            Ordinal = (uint)device.Info.QueueGroup,
            Flags = ZEQueueDescription.InOrder,
            Mode = ZEQueueDescription.Asynchronous,
        };
        nint list = 0;
        ZEError.Check(ZE.CommandListCreateImmediate(device.Context, device.Info.Device, &description, &list), device.Name, "make a queue");
        _list = new DriverHandle(list, &ZE.CommandListDestroy);
    }

    /// <inheritdoc/>
    public override string DeviceName => _device.Name;

    /// <inheritdoc/>
    public override KernelDevice Device => _device;

    /// <inheritdoc/>
    public override void CopyToDevice(Tensor host, Tensor device) => Copy(host, device, device, "copy to the device");

    /// <inheritdoc/>
    public override void CopyToHost(Tensor device, Tensor host) => Copy(device, host, device, "copy from the device");

    /// <inheritdoc/>
    public override void CopyOnDevice(Tensor source, Tensor target)
    {
        CheckCopy(source, target, contiguous: true);
        if (source.Bytes > 0)
        {
            CheckPlace(source);
            CheckPlace(target);
            Check(ZE.AppendMemoryCopy(_list.Value, target.Address, source.Address, (nuint)source.Bytes, 0, 0, null), "copy on the device");
        }
    }

    /// <inheritdoc/>
    public override void Fill(Tensor device, byte value)
    {
        CheckPlace(device);
        int size = device.Type.Size();
        (long rows, long bytes) = device.IsContiguous ? (1, device.Bytes) : (device.Shape[0], device.Shape.RowCount * size);
        for (long r = 0; r < rows && bytes > 0; r++)
        {
            nint start = device.Address + (nint)(r * device.RowStride * size);
            Check(ZE.AppendMemoryFill(_list.Value, start, &value, 1, (nuint)bytes, 0, 0, null), "fill memory");
        }
    }

    /// <inheritdoc/>
    public override IDeviceEvent Record()
    {
        var mark = new LevelZeroEvent(_device);
        Check(ZE.AppendSignalEvent(_list.Value, mark.Value), "mark its work");
        Hold(mark);
        return mark;
    }

    /// <inheritdoc/>
    public override void Wait(IDeviceEvent after)
    {
        if (after is not LevelZeroEvent mark || mark.Device != _device)
        {
            after.Synchronize();
            return;
        }

        nint value = mark.Value;
        Check(ZE.AppendWaitOnEvents(_list.Value, 1, &value), "wait for other work");
        Hold(mark);
    }

    /// <inheritdoc/>
    public override void Synchronize()
    {
        Check(ZE.CommandListHostSynchronize(_list.Value, ZE.Forever), "run what was queued");
        LetGo();
    }

    /// <inheritdoc/>
    public override void TakeTimes(Action<DeviceKernel, TimeSpan> report)
    {
        ArgumentNullException.ThrowIfNull(_timed);
        Synchronize();
        foreach ((DeviceKernel kernel, nint handle) in _timed)
        {
            ZETimestamps times;
            Check(ZE.EventQueryKernelTimestamp(handle, &times), "time a kernel");
            _device.TimedEvents.Return(handle);
            ulong ticks = (times.End - times.Start) & _device.Info.TimestampMask;
            report(kernel, TimeSpan.FromMicroseconds(ticks * _device.Info.TickNanoseconds / 1000.0));
        }

        _timed.Clear();
    }

    internal override IDeviceBuffer AllocateShared(long bytes) => _device.AllocateShared(bytes);

    internal override void Launch(DeviceKernel kernel, int groupsX, int groupsY, ReadOnlySpan<KernelArgument> arguments)
    {
        nint handle = (_kernels[kernel.Index] ??= Create(kernel)).Value;
        SetArguments(kernel, handle, arguments);
        var groups = new ZEGroupCount { X = (uint)groupsX, Y = (uint)groupsY, Z = 1 };
        nint done = _timed is null ? 0 : _device.TimedEvents.Take();
        int error = ZE.AppendLaunchKernel(_list.Value, handle, &groups, done, 0, null);
        if (error != ZE.Success)
        {
            Check(error, $"launch {kernel.Entry}");
        }

        _timed?.Add((kernel, done));
        Launches++;
        if (_device.Addresses.Shared > 0)
        {
            Check(ZE.CommandListHostSynchronize(_list.Value, ZE.Forever), "run a kernel");
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (_list.IsClosed)
        {
            return;
        }

        // Whether or not that goes well, nothing that was queued here is waited for any more.
        _ = ZE.CommandListHostSynchronize(_list.Value, ZE.Forever);
        LetGo();
        foreach ((_, nint handle) in _timed ?? [])
        {
            _device.TimedEvents.Return(handle);
        }

        foreach (DriverHandle? kernel in _kernels)
        {
            kernel?.Dispose();
        }

        base.Dispose(disposing);
        _list.Dispose();
    }

    // Views are pointers to where they begin: see ViewParameter.
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
                CheckPlace(kernel, argument);
                nint address = argument.Address;
                var view = new ViewParameter { Offset = 0, Length = address == 0 ? 0 : argument.Count };
                error = ZE.KernelSetArgumentValue(handle, pointer++, (nuint)sizeof(nint), address == 0 ? null : &address);
                error = error == ZE.Success ? ZE.KernelSetArgumentValue(handle, parameter++, (nuint)sizeof(ViewParameter), &view) : error;
            }
            else
            {
                int bits = argument.Bits;
                error = ZE.KernelSetArgumentValue(handle, parameter++, sizeof(int), &bits);
            }

            if (error != ZE.Success)
            {
                Check(error, $"take the arguments of {kernel.Entry}");
            }
        }
    }

    private void CheckPlace(DeviceKernel kernel, in KernelArgument argument)
    {
        if (argument.Address != 0 && !_device.Addresses.TryFind(argument.Address, argument.Count * argument.ElementSize, out _))
        {
            throw new LaunchException($"{kernel.Entry}: {argument.Count} elements at 0x{argument.Address:x} lie in no buffer of {_device.Name}");
        }
    }

    private void CheckPlace(Tensor tensor)
    {
        if (!_device.Addresses.TryFind(tensor.Address, KernelArgument.View(tensor).Count * tensor.Type.Size(), out _))
        {
            throw new ArgumentException($"{tensor} lies in no buffer of {_device.Name}", nameof(tensor));
        }
    }

    private DriverHandle Create(DeviceKernel kernel)
    {
        Span<byte> name = stackalloc byte[256];
        int length = System.Text.Encoding.UTF8.GetBytes(kernel.Entry, name[..^1]);
        name[length] = 0;
        nint handle = 0;
        fixed (byte* text = name)
        {
            var description = new ZEKernelDescription { Header = new(ZEHeader.Number.Kernel), Name = text };
            Check(ZE.KernelCreate(_device.Module(kernel), &description, &handle), $"find {kernel.Entry} in its module");
        }

        var made = new DriverHandle(handle, &ZE.KernelDestroy);
        Check(ZE.KernelSetGroupSize(handle, (uint)kernel.Threads, 1, 1), $"run {kernel.Entry} in groups of {kernel.Threads} threads");
        return made;
    }

    private void Copy(Tensor source, Tensor target, Tensor device, string what)
    {
        CheckCopy(source, target, contiguous: false);
        if (source.Bytes == 0)
        {
            return;
        }

        CheckPlace(device);
        if (source.IsContiguous && target.IsContiguous)
        {
            Check(ZE.AppendMemoryCopy(_list.Value, target.Address, source.Address, (nuint)source.Bytes, 0, 0, null), what);
            return;
        }

        uint size = (uint)source.Type.Size();
        var region = new ZECopyRegion { Width = checked((uint)source.Shape.RowCount * size), Height = checked((uint)source.Shape[0]) };
        Check(
            ZE.AppendMemoryCopyRegion(
                _list.Value, target.Address, &region, checked((uint)target.RowStride * size), 0, source.Address, &region,
                checked((uint)source.RowStride * size), 0, 0, 0, null),
            what);
    }

    private void Hold(LevelZeroEvent mark)
    {
        mark.Hold();
        _held.Add(mark);
    }

    private void LetGo()
    {
        _held.ForEach(static e => e.LetGo());
        _held.Clear();
    }

    private void Check(int error, string what) => ZEError.Check(error, _device.Name, what);
}
