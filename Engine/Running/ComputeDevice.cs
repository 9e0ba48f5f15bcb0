using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>What a model runs on: a set of ops, and what must live as long as they do.</summary>
internal sealed class ComputeDevice : IDisposable
{
    private readonly IDisposable[] _owned;

    private ComputeDevice(KernelSet ops, int threads, params IDisposable[] owned) => (Ops, Threads, _owned) = (ops, threads, owned);

    /// <summary>The ops.</summary>
    public KernelSet Ops { get; }

    /// <summary>Threads of the host that share each op; 1 where a device works.</summary>
    public int Threads { get; }

    /// <summary>The CPU, which is then owned.</summary>
    /// <param name="backend">The CPU.</param>
    /// <param name="activations">What products with bf16 weights take of their rows, f32 or bf16.</param>
    public static ComputeDevice Of(CpuBackend backend, DType activations = DType.F32) => new(CpuKernels.Create(backend, activations), backend.Threads, backend);

    /// <summary>A device that runs kernels, which is then owned.</summary>
    /// <param name="device">The device.</param>
    /// <param name="activations">What products with bf16 weights take of their rows, f32 or bf16.</param>
    /// <param name="profiles">Whether the stream times each kernel: then kernels neither overlap nor are captured.</param>
    /// <exception cref="InputException">The device cannot time kernels.</exception>
    public static ComputeDevice Of(KernelDevice device, DType activations = DType.F32, bool profiles = false)
    {
        KernelStream stream = Stream(device, profiles);
        return new ComputeDevice(DeviceKernelSet.Create(stream, activations), threads: 1, stream, device);
    }

    /// <summary>A stream of a device, with what must live as long.</summary>
    public static ComputeDevice Of(KernelStream stream, params IDisposable[] owned) => new(DeviceKernelSet.Create(stream), threads: 1, owned);

    /// <summary>A stream that somebody else owns.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="activations">What products with bf16 weights take of their rows, f32 or bf16.</param>
    public static ComputeDevice Of(KernelStream stream, DType activations) => new(DeviceKernelSet.Create(stream, activations), threads: 1);

    private static KernelStream Stream(KernelDevice device, bool profiles)
    {
        try
        {
            return device.CreateStream(profiles);
        }
        catch (NotSupportedException e)
        {
            device.Dispose();
            throw new InputException($"{device.Name} cannot time kernels: {e.Message}");
        }
    }

    public void Dispose()
    {
        foreach (IDisposable owned in _owned)
        {
            owned.Dispose();
        }
    }
}
