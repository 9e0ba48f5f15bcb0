namespace Lean.Kernels.Tests;

/// <summary>What every op's suite shares: the cases against the reference, and thread counts that change nothing.</summary>
/// <typeparam name="TTarget">The implementation under test.</typeparam>
public abstract class KernelTests<TTarget> where TTarget : IKernelTarget
{
    private static readonly int[] ThreadCounts = [1, 2, 3, 7];

    /// <summary>The set under test.</summary>
    protected static KernelSet Kernels => KernelsWithThreads(TTarget.Threads);

    /// <summary>The cases of this op.</summary>
    protected abstract IEnumerable<OpCase> Cases { get; }

    [Fact]
    public void Every_case_agrees_with_the_reference()
    {
        KernelSet kernels = Kernels, reference = ReferenceKernels.Create(kernels.CacheType, kernels.Activations);
        var failures = new Failures();
        foreach (OpCase test in Cases)
        {
            failures.Try(test.Name, () =>
            {
                Outputs expected = test.On(reference);
                return expected.NaN() is { } name && !test.HoldsNaN
                    ? $"the reference's {name} holds NaN"
                    : Compare.Close(expected, test.On(kernels), test.Tolerance);
            });
        }

        failures.Assert();
    }

    [Fact]
    public void Neither_another_run_nor_the_number_of_threads_changes_a_bit()
    {
        KernelSet kernels = Kernels;
        (int Threads, KernelSet Set)[] others = [.. ThreadCounts.Select(n => (n, KernelsWithThreads(n))).DistinctBy(other => other.Item2)];
        var failures = new Failures();
        foreach (OpCase test in Cases)
        {
            Outputs expected = test.On(kernels);
            foreach ((int threads, KernelSet set) in others)
            {
                failures.Try($"{test.Name}, {threads} threads", () => Compare.Bits(expected, test.On(set)));
            }
        }

        failures.Assert();
    }

    /// <summary>Checks that each of 130 rows has the same bits alone as among others.</summary>
    protected static void AssertRowsStandAlone(Func<KernelSet, Arena, int[], Outputs> run)
    {
        KernelSet kernels = Kernels;
        RowInvariance.Check(130, rows =>
        {
            using var arena = new Arena(kernels);
            return run(kernels, arena, rows);
        });
    }

    /// <summary>The implementation with another number of threads.</summary>
    protected static KernelSet KernelsWithThreads(int threads)
    {
        Assert.SkipWhen(TTarget.WhyUnavailable is not null, TTarget.WhyUnavailable ?? "");
        return TTarget.WithThreads(threads);
    }
}
