using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>The CPU's ops over the lanes of scalar, with bf16 activations.</summary>
public sealed class ScalarRoundedTarget : IKernelTarget
{
    private static readonly CpuSets Sets = new("scalar", DType.BF16);

    public static int Threads => 2;

    public static string? WhyUnavailable => Sets.WhyUnavailable;

    public static KernelSet WithThreads(int threads) => Sets.WithThreads(threads);
}
