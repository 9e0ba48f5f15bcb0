using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>The CPU's ops over the lanes of avx2, with bf16 activations.</summary>
public sealed class Avx2RoundedTarget : IKernelTarget
{
    private static readonly CpuSets Sets = new("avx2", DType.BF16);

    public static int Threads => 2;

    public static string? WhyUnavailable => Sets.WhyUnavailable;

    public static KernelSet WithThreads(int threads) => Sets.WithThreads(threads);
}
