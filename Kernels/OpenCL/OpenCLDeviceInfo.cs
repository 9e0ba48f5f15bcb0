using System.Text;

namespace Lean.Kernels;

/// <summary>What an OpenCL device says of itself.</summary>
public sealed unsafe class OpenCLDeviceInfo
{
    internal OpenCLDeviceInfo(int index, nint platform, nint device)
    {
        (Index, Platform, Device) = (index, platform, device);
        Name = DeviceText(CL.DeviceName);
        Vendor = DeviceText(CL.DeviceVendor);
        Driver = DeviceText(CL.DriverVersion);
        Version = DeviceText(CL.DeviceVersion);
        PlatformName = PlatformText(CL.PlatformName);
        PlatformVersion = PlatformText(CL.PlatformVersion);
        TotalMemory = (long)Number(CL.DeviceGlobalMemory);
        LargestBuffer = (long)Number(CL.DeviceMaxAllocation);
        MostThreads = (int)Number(CL.DeviceMaxGroupSize);
        SharedBytes = (int)Number(CL.DeviceLocalMemory);
    }

    /// <summary>Its number, as in opencl:1.</summary>
    public int Index { get; }

    /// <summary>The model.</summary>
    public string Name { get; }

    /// <summary>Who made it.</summary>
    public string Vendor { get; }

    /// <summary>The driver's version.</summary>
    public string Driver { get; }

    /// <summary>The OpenCL version it speaks.</summary>
    public string Version { get; }

    /// <summary>The driver's platform.</summary>
    public string PlatformName { get; }

    /// <summary>The platform's version.</summary>
    public string PlatformVersion { get; }

    /// <summary>Bytes of memory.</summary>
    public long TotalMemory { get; }

    /// <summary>Bytes that one buffer can have.</summary>
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
            return Number(CL.DeviceCompilerAvailable) == 0 ? "its driver has no compiler"
                : MostThreads < threads ? $"it runs groups of {MostThreads} threads, expected at least {threads}"
                : SharedBytes < shared ? $"it has {SharedBytes} bytes of shared memory, expected at least {shared}"
                : null;
        }
    }

    internal nint Platform { get; }

    internal nint Device { get; }

    private string DeviceText(uint what)
    {
        _ = CL.GetDeviceInfo(Device, what, 0, null, out nuint size);
        var bytes = new byte[size];
        fixed (byte* first = bytes)
        {
            return CL.GetDeviceInfo(Device, what, size, first, out _) == CL.Success ? Text(bytes) : "?";
        }
    }

    private string PlatformText(uint what)
    {
        _ = CL.GetPlatformInfo(Platform, what, 0, null, out nuint size);
        var bytes = new byte[size];
        fixed (byte* first = bytes)
        {
            return CL.GetPlatformInfo(Platform, what, size, first, out _) == CL.Success ? Text(bytes) : "?";
        }
    }

    // Values are of 4 or 8 bytes; the driver writes as many as it has.
    private ulong Number(uint what)
    {
        ulong value = 0;
        return CL.GetDeviceInfo(Device, what, sizeof(ulong), &value, out _) == CL.Success ? value : 0;
    }

    private static string Text(byte[] bytes) => Encoding.UTF8.GetString(bytes).TrimEnd('\0').Trim();
}
