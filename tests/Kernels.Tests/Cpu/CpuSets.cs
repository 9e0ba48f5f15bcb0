using System.Collections.Concurrent;
using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>The CPU's kernel sets of one instruction set, one per number of threads, alive as long as the tests.</summary>
/// <param name="instructionSet">avx512, avx2 or scalar.</param>
/// <param name="activations">What products with bf16 weights take of their rows.</param>
internal sealed class CpuSets(string instructionSet, DType activations = DType.F32)
{
    private readonly ConcurrentDictionary<int, Lazy<KernelSet>> _sets = new();

    /// <summary>Why this machine cannot run it, or null.</summary>
    internal string? WhyUnavailable { get; } = CpuBackends.All.Single(s => s.Name == instructionSet).Declined;

    /// <summary>The set with a number of threads. A backend takes one launch at a time; no two tests of this assembly run together.</summary>
    internal KernelSet WithThreads(int threads) => _sets.GetOrAdd(
        threads, static (t, own) => new Lazy<KernelSet>(() => CpuKernels.Create(CpuBackends.Open(own.instructionSet, $"{t}"), own.activations)), (instructionSet, activations)).Value;
}
