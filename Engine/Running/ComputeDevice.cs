using Lean.Kernels;

namespace Lean.Engine.Running;

/// <summary>What a model runs on: a set of ops, and what must live as long as they do.</summary>
internal sealed class ComputeDevice : IDisposable
{
    private readonly IDisposable[] _owned;

    private ComputeDevice(KernelSet ops, int threads, params IDisposable[] owned) => (Ops, Threads, _owned) = (ops, threads, owned);

    /// <summary>Whether devices opened from now on time each kernel, which then neither overlap nor are captured.</summary>
    public static bool Profiles { get; set; }

    /// <summary>The ops.</summary>
    public KernelSet Ops { get; }

    /// <summary>Threads of the host that share each op; 1 where a device works.</summary>
    public int Threads { get; }

    /// <summary>The CPU, which is then owned.</summary>
    public static ComputeDevice Of(CpuBackend backend) => new(CpuKernels.Create(backend), backend.Threads, backend);

    /// <summary>A device that runs kernels, which is then owned.</summary>
    public static ComputeDevice Of(KernelDevice device)
    {
        KernelStream stream = device.CreateStream(profile: Profiles);
        return new ComputeDevice(DeviceKernelSet.Create(stream), threads: 1, stream, device);
    }

    /// <summary>A stream of a device, with what must live as long.</summary>
    public static ComputeDevice Of(KernelStream stream, params IDisposable[] owned) => new(DeviceKernelSet.Create(stream), threads: 1, owned);

    public void Dispose()
    {
        foreach (IDisposable owned in _owned)
        {
            owned.Dispose();
        }
    }
}
