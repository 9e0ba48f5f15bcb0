using BenchmarkDotNet.Running;

namespace Lean.Bench.Kernels;

/// <summary>What this run has found; benchmarks run in this process, one after the other.</summary>
internal static class Suite
{
    private static readonly Dictionary<(string Kernel, int Rows), Measured> Found = [];

    public static void Add(Measured measured) => Found[(measured.Kernel, measured.Rows)] = measured;

    /// <summary>What is known of a case, or null where its check was red.</summary>
    public static Measured? Of(BenchmarkCase benchmark) =>
        Found.GetValueOrDefault(((string)benchmark.Parameters[nameof(KernelBenchmark.Kernel)], (int)benchmark.Parameters[nameof(KernelBenchmark.Rows)]));
}
