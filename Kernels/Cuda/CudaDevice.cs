using System.Diagnostics;
using System.Text;
using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// A CUDA device in its primary context, which other libraries in the process share. A kernel's PTX goes to the driver
/// when it is first launched; what the driver makes of it stays in the driver's own cache, on disk.
/// </summary>
public sealed unsafe class CudaDevice : KernelDevice
{
    private const int LogBytes = 4096;

    // Groups of a cluster that every card with clusters runs; more must be allowed.
    private const int PortableCluster = 8;

    // Percent of a multiprocessor's shared memory.
    private const int AllOfIt = 100;

    private readonly nint[] _modules = new nint[DeviceKernels.All.Count];
    private readonly nint[] _functions = new nint[DeviceKernels.All.Count];
    private readonly Func<DeviceKernel, byte[]> _sources;
    private readonly Lock _loading = new();
    private nint _context;
    private int _shared;
    private long _loadTicks;

    internal CudaDevice(CudaDeviceInfo info, Func<DeviceKernel, byte[]>? sources = null)
    {
        Info = info;
        Name = $"cuda:{info.Index}";
        _sources = sources ?? Source;
        Check(CU.PrimaryContextRetain(out _context, info.Handle), "open a context");
    }

    /// <summary>What the driver says of the device.</summary>
    public CudaDeviceInfo Info { get; }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override string Description => $"{Info.Name}, CUDA {Info.Driver}, sm_{Info.Capability}";

    /// <inheritdoc/>
    public override DeviceKind Kind => DeviceKind.Cuda;

    /// <inheritdoc/>
    public override long FreeMemory => Memory().Free;

    /// <inheritdoc/>
    public override long TotalMemory => Memory().Total;

    /// <inheritdoc/>
    public override TimeSpan KernelLoadTime => Stopwatch.GetElapsedTime(0, Volatile.Read(ref _loadTicks));

    /// <summary>Whether memory exists that host and device share.</summary>
    internal bool Shares => Volatile.Read(ref _shared) > 0;

    /// <inheritdoc/>
    public override KernelStream CreateStream(bool profile) => new CudaStream(this, profile);

    /// <inheritdoc/>
    public override IDeviceBuffer Allocate(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        Enter();
        int error = CU.MemAlloc(out nint address, (nuint)long.Max(bytes, 1));
        if (error == CU.OutOfMemory)
        {
            (long free, long total) = Memory();
            throw new MachineException($"{Name} has not enough memory: a buffer of {bytes:N0} bytes was refused; {free:N0} of {total:N0} bytes are free");
        }

        Check(error, $"allocate {bytes:N0} bytes");
        return new CudaBuffer(this, address, bytes, CudaMemory.Device);
    }

    /// <inheritdoc/>
    /// <remarks>It is pinned, and the device reaches it at the same address.</remarks>
    public override IDeviceBuffer AllocateOnHost(long bytes) => Pin(bytes);

    /// <summary>Whether this device can read and write the memory of another one: over NVLink, or over PCIe where the system allows it.</summary>
    public bool CanReach(CudaDevice other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return other.Info.Handle == Info.Handle || (CU.DeviceCanAccessPeer(out int can, Info.Handle, other.Info.Handle) == CU.Success && can != 0);
    }

    /// <summary>Lets this device's kernels and copies use the memory of another one, at the addresses that it has there.</summary>
    /// <exception cref="MachineException">It cannot.</exception>
    internal void Reach(CudaDevice other)
    {
        if (other.Info.Handle != Info.Handle)
        {
            Enter();
            int error = CU.ContextEnablePeerAccess(other._context, 0);
            Check(error == CU.PeerAccessAlreadyEnabled ? CU.Success : error, $"reach the memory of {other.Name}");
        }
    }

    internal CudaBuffer Pin(long bytes, CudaMemory kind = CudaMemory.Pinned)
    {
        Enter();
        Check(CU.MemHostAlloc(out nint address, (nuint)long.Max(bytes, 1), CU.HostPortable | CU.HostDeviceMapped), $"pin {bytes:N0} bytes of the host's memory");
        if (kind == CudaMemory.Shared)
        {
            Interlocked.Increment(ref _shared);
        }

        return new CudaBuffer(this, address, bytes, kind);
    }

    /// <summary>Makes the device's context the calling thread's.</summary>
    /// <exception cref="MachineException">The driver failed.</exception>
    public void Enter() => Check(CU.ContextSetCurrent(_context), "enter its context");

    /// <summary>A kernel's function, given to the driver at its first use.</summary>
    internal nint Function(DeviceKernel kernel)
    {
        nint function = Volatile.Read(ref _functions[kernel.Index]);
        return function != 0 ? function : Load(kernel);
    }

    /// <summary>
    /// Whether the card runs a cluster of a kernel's groups. More than eight need a GPC with room for all, which smaller cards of an
    /// architecture, and parts of a card, may lack.
    /// </summary>
    internal bool Fits(DeviceKernel kernel)
    {
        if (kernel.Cluster <= PortableCluster)
        {
            return true;
        }

        nint function = Function(kernel);
        Enter();
        var configuration = new CU.LaunchConfiguration
        {
            GridX = (uint)kernel.Cluster,
            GridY = 1,
            GridZ = 1,
            BlockX = (uint)kernel.Threads,
            BlockY = 1,
            BlockZ = 1,
            SharedBytes = (uint)kernel.DynamicBytes,
        };
        Check(CU.OccupancyMaxActiveClusters(out int clusters, function, configuration), $"ask for room for a cluster of {kernel.Entry}");
        return clusters > 0;
    }

    internal void Free(nint address, CudaMemory kind)
    {
        if (_context != 0 && CU.ContextSetCurrent(_context) == CU.Success)
        {
            // A context that failed frees nothing more; the driver does at the end of the process.
            _ = kind == CudaMemory.Device ? CU.MemFree(address) : CU.MemFreeHost(address);
        }

        if (kind == CudaMemory.Shared)
        {
            Interlocked.Decrement(ref _shared);
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (_context == 0)
        {
            return;
        }

        if (CU.ContextSetCurrent(_context) == CU.Success)
        {
            foreach (nint module in _modules)
            {
                _ = module == 0 ? CU.Success : CU.ModuleUnload(module);
            }
        }

        _context = 0;
        _ = CU.PrimaryContextRelease(Info.Handle);
    }

    private byte[] Source(DeviceKernel kernel)
    {
        string target = Info.Target(kernel) ?? throw new MachineException($"{Name}: this binary has no {kernel.Entry} for {Info.Name} (sm_{Info.Capability}); `lean kernels` lists what it has");
        return KernelArchive.Read(target, kernel.Entry + ".ptx");
    }

    private nint Load(DeviceKernel kernel)
    {
        lock (_loading)
        {
            if (_functions[kernel.Index] != 0)
            {
                return _functions[kernel.Index];
            }

            Enter();
            long start = Stopwatch.GetTimestamp();
            nint module = Module(kernel, [.. _sources(kernel), 0]);
            _modules[kernel.Index] = module;
            Check(CU.ModuleGetFunction(out nint function, module, kernel.Entry), $"find {kernel.Entry} in its module");
            if (kernel.DynamicBytes > 0)
            {
                Check(CU.FunctionSetAttribute(function, CU.FunctionMaxDynamicSharedBytes, kernel.DynamicBytes), $"give {kernel.Entry} {kernel.DynamicBytes:N0} bytes of shared memory");
            }

            if (kernel.KeepsRoom)
            {
                Check(CU.FunctionSetAttribute(function, CU.FunctionSharedCarveout, AllOfIt), $"keep shared memory beside {kernel.Entry}");
            }

            if (kernel.Cluster > PortableCluster)
            {
                Check(CU.FunctionSetAttribute(function, CU.FunctionLargeClusters, 1), $"allow {kernel.Entry} clusters of {kernel.Cluster}");
            }

            Volatile.Write(ref _functions[kernel.Index], function);
            Volatile.Write(ref _loadTicks, _loadTicks + Stopwatch.GetTimestamp() - start);
            return function;
        }
    }

    private nint Module(DeviceKernel kernel, byte[] image)
    {
        // CU_JIT_ERROR_LOG_BUFFER and its size; the values are pointers or numbers in their place.
        byte* log = stackalloc byte[LogBytes];
        int* options = stackalloc int[] { 5, 6 };
        nint* values = stackalloc nint[] { (nint)log, LogBytes };
        log[0] = 0;
        fixed (byte* text = image)
        {
            int error = CU.ModuleLoadData(out nint module, text, 2, options, values);
            if (error != CU.Success)
            {
                string said = Encoding.UTF8.GetString(new ReadOnlySpan<byte>(log, LogBytes)).Split('\0')[0].Trim().ReplaceLineEndings(" ");
                throw new MachineException(
                    $"{Name} failed to load {kernel.Entry}: {CudaError.Name(error)} (CUDA error {error}){(said.Length > 0 ? ": " + said[..int.Min(said.Length, 300)] : "")}");
            }

            return module;
        }
    }

    private (long Free, long Total) Memory()
    {
        Enter();
        Check(CU.MemGetInfo(out nuint free, out nuint total), "ask for its memory");
        return ((long)free, (long)total);
    }

    private void Check(int error, string what) => CudaError.Check(error, Name, what);
}
