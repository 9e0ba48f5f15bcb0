namespace Lean.Kernels.Tests;

/// <summary>The CPU's ops over the lanes of avx2.</summary>
public sealed class Avx2Target : IKernelTarget
{
    private static readonly CpuSets Sets = new("avx2");

    public static int Threads => 2;

    public static string? WhyUnavailable => Sets.WhyUnavailable;

    public static KernelSet WithThreads(int threads) => Sets.WithThreads(threads);
}
