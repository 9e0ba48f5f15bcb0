namespace Lean.Kernels.Tests;

/// <summary>
/// An implementation under test. Suites are generic over it, so that a back end is one target and one line per suite:
/// <c>public sealed class Avx2LinearTests : LinearTests&lt;Avx2Target&gt;;</c>
/// </summary>
public interface IKernelTarget
{
    /// <summary>Threads of the set that most tests use.</summary>
    static virtual int Threads => 1;

    /// <summary>Why this machine cannot run the set, or null; its tests are then skipped with that sentence.</summary>
    static virtual string? WhyUnavailable => null;

    /// <summary>The set with so many threads. Asked for often: keep the sets.</summary>
    static abstract KernelSet WithThreads(int threads);
}
