using System.Diagnostics;
using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// An OpenCL device. OpenCL has no device addresses, only buffers; the device gives each buffer a range of made-up
/// addresses (<see cref="AddressMap"/>), so that tensors are views here as everywhere, and a launch that names memory
/// outside every buffer is refused before it runs.
/// </summary>
public sealed unsafe class OpenCLDevice : KernelDevice
{
    private readonly CLHandle _context;
    private readonly ProgramCache _cache;
    private readonly CLHandle?[] _programs = new CLHandle?[DeviceKernels.All.Count];
    private readonly Lock _building = new();
    private long _allocated;
    private long _loadTicks;

    internal OpenCLDevice(OpenCLDeviceInfo info, Func<DeviceKernel, byte[]>? sources = null)
    {
        Info = info;
        Name = $"opencl:{info.Index}";
        nint device = info.Device;
        nint* properties = stackalloc nint[] { 0x1084, info.Platform, 0 };
        _context = new CLHandle(CL.CreateContext(properties, 1, &device, 0, 0, out int error), &CL.ReleaseContext);
        CLError.Check(error, Name, "open a context");
        _cache = new ProgramCache(info, sources ?? (static kernel => KernelArchive.Read("opencl", kernel.Entry + ".cl")));
    }

    /// <summary>What the device says of itself.</summary>
    public OpenCLDeviceInfo Info { get; }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override string Description => $"{Info.Name}, {Info.PlatformName} {Info.Driver}";

    /// <inheritdoc/>
    public override DeviceKind Kind => DeviceKind.OpenCL;

    /// <inheritdoc/>
    /// <remarks>OpenCL does not say what others use: this is the device's memory less what this process has allocated.</remarks>
    public override long FreeMemory => long.Max(0, Info.TotalMemory - Interlocked.Read(ref _allocated));

    /// <inheritdoc/>
    public override long TotalMemory => Info.TotalMemory;

    /// <inheritdoc/>
    public override TimeSpan KernelLoadTime => Stopwatch.GetElapsedTime(0, Volatile.Read(ref _loadTicks));

    internal AddressMap Addresses { get; } = new();

    internal nint Context => _context.Value;

    /// <inheritdoc/>
    public override IDeviceBuffer Allocate(long bytes) => Allocate(bytes, host: null);

    /// <inheritdoc/>
    public override KernelStream CreateStream(bool profile) => new OpenCLStream(this, profile);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        foreach (CLHandle? program in _programs)
        {
            program?.Dispose();
        }

        _context.Dispose();
    }

    /// <summary>Memory of the host that the device reads and writes under the host's addresses.</summary>
    internal OpenCLBuffer AllocateShared(long bytes) => Allocate(bytes, new HostBuffer(bytes));

    /// <summary>A kernel's program, built at its first use.</summary>
    internal nint Program(DeviceKernel kernel)
    {
        lock (_building)
        {
            if (_programs[kernel.Index] is { } known)
            {
                return known.Value;
            }

            long start = Stopwatch.GetTimestamp();
            CLHandle built = _programs[kernel.Index] = _cache.Build(Context, Name, kernel);
            Volatile.Write(ref _loadTicks, _loadTicks + Stopwatch.GetTimestamp() - start);
            return built.Value;
        }
    }

    internal void Released(long bytes) => Interlocked.Add(ref _allocated, -bytes);

    private OpenCLBuffer Allocate(long bytes, HostBuffer? host)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        nuint size = (nuint)long.Max(bytes, 1);
        int error = CL.InvalidBufferSize;
        nint memory = bytes > Info.LargestBuffer ? 0 : host is null
            ? CL.CreateBuffer(Context, CL.ReadWrite, size, null, out error)
            : CL.CreateBuffer(Context, CL.ReadWrite | CL.UseHostPointer, size, (void*)host.Address, out error);
        if (error is CL.OutOfMemory or CL.OutOfResources or CL.OutOfHostMemory or CL.InvalidBufferSize)
        {
            host?.Dispose();
            throw new MachineException(
                $"{Name} has not enough memory: a buffer of {bytes:N0} bytes was refused; {FreeMemory:N0} of {TotalMemory:N0} bytes are free, and one buffer can have {Info.LargestBuffer:N0}");
        }

        CLError.Check(error, Name, $"allocate {bytes:N0} bytes");
        Interlocked.Add(ref _allocated, bytes);
        return new OpenCLBuffer(this, new CLHandle(memory, &CL.ReleaseMemObject), bytes, host);
    }
}
