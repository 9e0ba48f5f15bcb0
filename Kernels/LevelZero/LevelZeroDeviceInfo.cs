using System.Runtime.InteropServices;
using System.Text;

namespace Lean.Kernels;

/// <summary>What a Level Zero device says of itself.</summary>
public sealed unsafe class LevelZeroDeviceInfo
{
    internal LevelZeroDeviceInfo(int index, nint driver, nint device)
    {
        (Index, Driver, Device) = (index, driver, device);
        uint api = 0;
        _ = ZE.DriverGetApiVersion(driver, &api);
        var version = new ZEDriverProperties { Header = new(ZEHeader.Number.DriverProperties) };
        _ = ZE.DriverGetProperties(driver, &version);
        (Api, DriverVersion) = (api, version.Version);

        var about = new ZEDeviceProperties { Header = new(ZEHeader.Number.DeviceProperties) };
        _ = ZE.DeviceGetProperties(device, &about);
        Name = Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(about.Name)[..]).Trim();
        Type = about.Type switch { 1 => "GPU", 2 => "CPU", 3 => "FPGA", 4 => "accelerator", 5 => "NPU", _ => $"device of type {about.Type}" };
        (VendorId, DeviceId, LargestBuffer) = (about.Vendor, about.Device, (long)about.LargestAllocation);
        TickNanoseconds = about.TimerResolution;
        TimestampMask = about.KernelTimestampBits is > 0 and < 64 ? (1UL << (int)about.KernelTimestampBits) - 1 : ulong.MaxValue;

        var compute = new ZEComputeProperties { Header = new(ZEHeader.Number.ComputeProperties) };
        _ = ZE.DeviceGetComputeProperties(device, &compute);
        (MostThreads, SharedBytes) = ((int)uint.Min(compute.MostThreads, compute.MostThreadsAlong[0]), (int)compute.SharedBytes);

        var module = new ZEModuleProperties { Header = new(ZEHeader.Number.ModuleProperties) };
        _ = ZE.DeviceGetModuleProperties(device, &module);
        Spirv = module.SpirvVersion;
        TotalMemory = FirstMemory(device);
        QueueGroup = FirstComputeGroup(device);
    }

    /// <summary>Its number, as in ze:1.</summary>
    public int Index { get; }

    /// <summary>The model.</summary>
    public string Name { get; }

    /// <summary>What kind of processor it is.</summary>
    public string Type { get; }

    /// <summary>The driver's version, as a number of its own making.</summary>
    public uint DriverVersion { get; }

    /// <summary>The Level Zero version that the driver speaks.</summary>
    public string Version => Text(Api);

    /// <summary>Bytes of memory.</summary>
    public long TotalMemory { get; }

    /// <summary>Bytes that one buffer can have, unless the driver is asked for more.</summary>
    public long LargestBuffer { get; }

    /// <summary>Threads that a group can have.</summary>
    public int MostThreads { get; }

    /// <summary>Shared memory of a group.</summary>
    public int SharedBytes { get; }

    /// <summary>Why Lean cannot use it, or null.</summary>
    public string? Declined
    {
        get
        {
            DeviceKernel[] kernels = [.. DeviceKernels.All.Where(k => k.Targets.Contains("opencl"))];
            int threads = kernels.Max(k => k.Threads), shared = kernels.Max(k => k.SharedBytes);
            return Api < ZE.LeastApi ? $"its driver speaks Level Zero {Text(Api)}, expected at least {Text(ZE.LeastApi)}"
                : Spirv < ZE.LeastSpirv ? $"its driver takes {(Spirv == 0 ? "no SPIR-V" : $"SPIR-V {Text(Spirv)}")}, expected at least SPIR-V {Text(ZE.LeastSpirv)}"
                : QueueGroup < 0 ? "it has no queue for kernels"
                : MostThreads < threads ? $"it runs groups of {MostThreads} threads, expected at least {threads}"
                : SharedBytes < shared ? $"it has {SharedBytes} bytes of shared memory, expected at least {shared}"
                : !kernels.All(k => k.Targets.Contains(LevelZeroDevice.Target)) ? "this binary was built without SPIR-V: see lean kernels"
                : null;
        }
    }

    internal nint Driver { get; }

    internal nint Device { get; }

    internal uint Api { get; }

    internal uint Spirv { get; }

    internal uint VendorId { get; }

    internal uint DeviceId { get; }

    /// <summary>A timestamp's unit; timestamps wrap beyond <see cref="TimestampMask"/>.</summary>
    internal ulong TickNanoseconds { get; }

    internal ulong TimestampMask { get; }

    /// <summary>The first group of queues that takes kernels, or -1.</summary>
    internal int QueueGroup { get; }

    /// <summary>Bytes that nobody uses now, or null where the driver does not say.</summary>
    internal long? FreeMemory()
    {
        var usable = new ZEUsableMemory { Header = new(ZEHeader.Number.UsableMemory) };
        var about = new ZEDeviceProperties { Header = new(ZEHeader.Number.DeviceProperties, (nint)(&usable)) };
        return ZE.DeviceGetProperties(Device, &about) == ZE.Success && usable.Bytes > 0 ? (long)ulong.Min(usable.Bytes, long.MaxValue) : null;
    }

    // Buffers come from a device's first memory.
    private static long FirstMemory(nint device)
    {
        uint count = 1;
        var memory = new ZEMemoryProperties { Header = new(ZEHeader.Number.MemoryProperties) };
        return ZE.DeviceGetMemoryProperties(device, ref count, &memory) == ZE.Success && count > 0 ? (long)ulong.Min(memory.Bytes, long.MaxValue) : 0;
    }

    private static int FirstComputeGroup(nint device)
    {
        uint count = 0;
        if (ZE.DeviceGetCommandQueueGroupProperties(device, ref count, null) != ZE.Success || count is 0 or > 1024)
        {
            return -1;
        }

        var groups = new ZEQueueGroup[count];
        Array.Fill(groups, new ZEQueueGroup { Header = new(ZEHeader.Number.QueueGroup) });
        fixed (ZEQueueGroup* first = groups)
        {
            return ZE.DeviceGetCommandQueueGroupProperties(device, ref count, first) == ZE.Success
                ? Array.FindIndex(groups, g => (g.Flags & ZE.ComputeGroup) != 0 && g.Queues > 0)
                : -1;
        }
    }

    private static string Text(uint version) => $"{version >> 16}.{version & 0xFFFF}";
}
