namespace Lean.Kernels.Tests;

/// <summary>The CPU's ops over the lanes of scalar.</summary>
public sealed class ScalarTarget : IKernelTarget
{
    private static readonly CpuSets Sets = new("scalar");

    public static int Threads => 2;

    public static string? WhyUnavailable => Sets.WhyUnavailable;

    public static KernelSet WithThreads(int threads) => Sets.WithThreads(threads);
}
