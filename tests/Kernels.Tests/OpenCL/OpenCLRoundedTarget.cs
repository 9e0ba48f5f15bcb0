using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>The device kernels on the first OpenCL device, with bf16 activations.</summary>
public sealed class OpenCLRoundedTarget : IKernelTarget
{
    private static readonly Lazy<KernelSet> Set = new(() => DeviceKernelSet.Create((KernelStream)OpenCLDevices.Open(0).CreateStream(), DType.BF16));

    public static string? WhyUnavailable => OpenCLTarget.WhyUnavailable;

    public static KernelSet WithThreads(int threads) => Set.Value;
}
