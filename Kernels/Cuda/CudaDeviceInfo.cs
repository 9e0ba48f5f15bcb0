using System.Globalization;
using System.Text;

namespace Lean.Kernels;

/// <summary>What the driver says of a CUDA device.</summary>
public sealed unsafe class CudaDeviceInfo
{
    /// <summary>The oldest compute capability that kernels are compiled for.</summary>
    private const int Oldest = 80;

    /// <summary>The first whose kernels may overlap.</summary>
    internal const int Hopper = 90;

    // The kernels' PTX is of version 8.0.
    private const int OldestDriver = 12000;

    private readonly int _driver;

    internal CudaDeviceInfo(int index, int handle, int driver)
    {
        (Index, Handle, _driver) = (index, handle, driver);
        const int Capacity = 256;
        byte* name = stackalloc byte[Capacity];
        Name = CU.DeviceGetName(name, Capacity, handle) == CU.Success ? Encoding.UTF8.GetString(new ReadOnlySpan<byte>(name, Capacity)).Split('\0')[0] : "?";
        Capability = (Attribute(CU.ComputeCapabilityMajor) * 10) + Attribute(CU.ComputeCapabilityMinor);
        Multiprocessors = Attribute(CU.MultiprocessorCount);
        CacheBytes = Attribute(CU.L2CacheSize);
        SharedBytes = Attribute(CU.MaxSharedMemoryPerBlockOptIn);
        TotalMemory = CU.DeviceTotalMem(out nuint bytes, handle) == CU.Success ? (long)bytes : 0;
    }

    /// <summary>Its number, as in cuda:1.</summary>
    public int Index { get; }

    /// <summary>The model.</summary>
    public string Name { get; }

    /// <summary>The newest CUDA version that the driver speaks, such as 13.0.</summary>
    public string Driver => Version(_driver);

    /// <summary>The compute capability without its point: 90 for 9.0.</summary>
    public int Capability { get; }

    /// <summary>Streaming multiprocessors.</summary>
    public int Multiprocessors { get; }

    /// <summary>Bytes of the last-level cache.</summary>
    public int CacheBytes { get; }

    /// <summary>Shared memory that a group can ask for.</summary>
    public int SharedBytes { get; }

    /// <summary>Bytes of memory.</summary>
    public long TotalMemory { get; }

    /// <summary>Why Lean cannot use it, or null.</summary>
    public string? Declined => Capability < Oldest
            ? $"it has compute capability {Capability / 10}.{Capability % 10}, expected at least {Oldest / 10}.{Oldest % 10} (an A100 or newer)"
        : _driver < OldestDriver ? $"its driver speaks CUDA {Driver}, expected at least {Version(OldestDriver)}; a newer driver is needed"
        : null;

    internal int Handle { get; }

    /// <summary>The best of a kernel's targets for this device, or null: newest first, and sm_90a on 9.0 alone.</summary>
    internal string? Target(DeviceKernel kernel)
    {
        string exact = string.Create(CultureInfo.InvariantCulture, $"sm_{Capability}a");
        string? best = null;
        int newest = 0;
        foreach (string target in kernel.Targets)
        {
            if (target == exact)
            {
                return target;
            }

            if (target.StartsWith("sm_", StringComparison.Ordinal)
                && int.TryParse(target.AsSpan(3), NumberStyles.None, CultureInfo.InvariantCulture, out int capability)
                && capability <= Capability && capability > newest)
            {
                (best, newest) = (target, capability);
            }
        }

        return best;
    }

    private static string Version(int number) => string.Create(CultureInfo.InvariantCulture, $"{number / 1000}.{number % 1000 / 10}");

    private int Attribute(int attribute) => CU.DeviceGetAttribute(out int value, attribute, Handle) == CU.Success ? value : 0;
}
