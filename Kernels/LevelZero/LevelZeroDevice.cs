using System.Diagnostics;
using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// A Level Zero device. Its buffers have addresses, which kernels take as they are; <see cref="AddressMap"/> is here so
/// that a launch that names memory outside every buffer is refused before it runs.
/// </summary>
public sealed unsafe class LevelZeroDevice : KernelDevice
{
    /// <summary>What kernels are compiled for.</summary>
    internal const string Target = "spirv";

    private const int Alignment = 64;

    private readonly DriverHandle _context;
    private readonly ModuleCache _cache;
    private readonly DriverHandle?[] _modules = new DriverHandle?[DeviceKernels.All.Count];
    private readonly Lock _building = new();
    private long _allocated;
    private long _loadTicks;

    internal LevelZeroDevice(LevelZeroDeviceInfo info, Func<DeviceKernel, byte[]>? sources = null)
    {
        Info = info;
        Name = $"ze:{info.Index}";
        var description = new ZEContextDescription { Header = new(ZEHeader.Number.Context) };
        nint context = 0;
        ZEError.Check(ZE.ContextCreate(info.Driver, &description, &context), Name, "open a context");
        _context = new DriverHandle(context, &ZE.ContextDestroy);
        _cache = new ModuleCache(info, sources ?? (static kernel => KernelArchive.Read(Target, kernel.Entry + ".spv")));
        Events = new LevelZeroEvents(this, timed: false);
        TimedEvents = new LevelZeroEvents(this, timed: true);
    }

    /// <summary>What the device says of itself.</summary>
    public LevelZeroDeviceInfo Info { get; }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override string Description => $"{Info.Name}, Level Zero {Info.Version}";

    /// <inheritdoc/>
    public override DeviceKind Kind => DeviceKind.LevelZero;

    /// <inheritdoc/>
    /// <remarks>Where the driver does not say what others use, this is the device's memory less what this process has allocated.</remarks>
    public override long FreeMemory
    {
        get
        {
            long rest = long.Max(0, TotalMemory - Interlocked.Read(ref _allocated));
            return long.Min(rest, Info.FreeMemory() ?? rest);
        }
    }

    /// <inheritdoc/>
    public override long TotalMemory => Info.TotalMemory;

    /// <inheritdoc/>
    public override TimeSpan KernelLoadTime => Stopwatch.GetElapsedTime(0, Volatile.Read(ref _loadTicks));

    internal AddressMap Addresses { get; } = new();

    internal nint Context => _context.Value;

    /// <summary>Events that say when work is done.</summary>
    internal LevelZeroEvents Events { get; }

    /// <summary>Events that also say how long a kernel ran.</summary>
    internal LevelZeroEvents TimedEvents { get; }

    /// <inheritdoc/>
    public override IDeviceBuffer Allocate(long bytes) => Allocate(bytes, onHost: false, shared: false);

    /// <inheritdoc/>
    public override IDeviceBuffer AllocateOnHost(long bytes) => Allocate(bytes, onHost: true, shared: false);

    /// <inheritdoc/>
    public override KernelStream CreateStream(bool profile) => new LevelZeroStream(this, profile);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        foreach (DriverHandle? module in _modules)
        {
            module?.Dispose();
        }

        Events.Dispose();
        TimedEvents.Dispose();
        _context.Dispose();
    }

    /// <summary>Memory of the host that the device reads and writes where it lies.</summary>
    internal LevelZeroBuffer AllocateShared(long bytes) => Allocate(bytes, onHost: true, shared: true);

    /// <summary>A kernel's module, built at its first use.</summary>
    internal nint Module(DeviceKernel kernel)
    {
        lock (_building)
        {
            if (_modules[kernel.Index] is { } known)
            {
                return known.Value;
            }

            long start = Stopwatch.GetTimestamp();
            DriverHandle built = _modules[kernel.Index] = _cache.Build(Context, Name, kernel);
            Volatile.Write(ref _loadTicks, _loadTicks + Stopwatch.GetTimestamp() - start);
            return built.Value;
        }
    }

    internal void Free(LevelZeroBuffer buffer, bool onHost)
    {
        Addresses.Remove(buffer.Address);
        if (!_context.IsClosed)
        {
            _ = ZE.MemFree(Context, buffer.Address);
        }

        Interlocked.Add(ref _allocated, onHost ? 0 : -buffer.Bytes);
    }

    private LevelZeroBuffer Allocate(long bytes, bool onHost, bool shared)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        var relaxed = new ZERelaxedLimits { Header = new(ZEHeader.Number.RelaxedLimits), Flags = ZERelaxedLimits.AnySize };
        nint more = bytes > Info.LargestBuffer ? (nint)(&relaxed) : 0, memory = 0;
        var device = new ZEDeviceMemoryDescription { Header = new(ZEHeader.Number.DeviceMemory, more) };
        var host = new ZEHostMemoryDescription { Header = new(ZEHeader.Number.HostMemory, more) };
        nuint size = (nuint)long.Max(bytes, 1);
        int error = onHost
            ? ZE.MemAllocHost(Context, &host, size, Alignment, &memory)
            : ZE.MemAllocDevice(Context, &device, size, Alignment, Info.Device, &memory);
        if (ZEError.IsMemory(error))
        {
            throw new MachineException(onHost
                ? $"not enough memory: a buffer of {bytes:N0} bytes that {Name} can reach was refused by the system"
                : $"{Name} has not enough memory: a buffer of {bytes:N0} bytes was refused; {FreeMemory:N0} of {TotalMemory:N0} bytes are free");
        }

        ZEError.Check(error, Name, $"allocate {bytes:N0} bytes");
        Interlocked.Add(ref _allocated, onHost ? 0 : bytes);
        return new LevelZeroBuffer(this, memory, bytes, onHost, shared);
    }
}
