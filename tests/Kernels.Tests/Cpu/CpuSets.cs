using System.Collections.Concurrent;

namespace Lean.Kernels.Tests;

/// <summary>The CPU's kernel sets of one instruction set, one per number of threads, alive as long as the tests.</summary>
/// <param name="instructionSet">avx512, avx2 or scalar.</param>
internal sealed class CpuSets(string instructionSet)
{
    private readonly ConcurrentDictionary<int, Lazy<KernelSet>> _sets = new();

    /// <summary>Why this machine cannot run it, or null.</summary>
    internal string? WhyUnavailable { get; } = CpuBackends.All.Single(s => s.Name == instructionSet).Declined;

    /// <summary>The set with a number of threads. A backend takes one launch at a time; no two tests of this assembly run together.</summary>
    internal KernelSet WithThreads(int threads) => _sets.GetOrAdd(
        threads, static (t, name) => new Lazy<KernelSet>(() => CpuKernels.Create(CpuBackends.Open(name, $"{t}"))), instructionSet).Value;
}
