namespace Lean.Kernels.Tests;

/// <summary>Every item of every launch runs once, whatever the threads do.</summary>
public sealed unsafe class CpuWorkersTests
{
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(8)]
    public void Every_item_runs_exactly_once_in_each_of_many_short_launches(int threads)
    {
        var counter = new CountingBodies();
        using var workers = new CpuWorkers(counter, threads);
        const int most = 257;
        int* counts = stackalloc int[2 * most];
        int* expected = stackalloc int[2 * most];
        new Span<int>(counts, 2 * most).Clear();
        new Span<int>(expected, 2 * most).Clear();
        for (int launch = 0; launch < 300_000; launch++)
        {
            // Sizes and arguments alternate, back to back: a worker that mixed two launches up would run items twice,
            // or not at all, or count them for the wrong launch and leave the launcher waiting.
            int items = launch % 2 == 0 ? 2 + (launch * 7919 % (most - 2)) : 2, first = launch % 2 * most;
            workers.Run(CpuKernel.Embedding, counts + first, items, workPerItem: 1_000_000);
            for (int i = 0; i < items; i++)
            {
                expected[first + i]++;
            }
        }

        Assert.Equal(new Span<int>(expected, 2 * most).ToArray(), new Span<int>(counts, 2 * most).ToArray());
    }

    [Fact]
    public void Workers_that_went_to_sleep_wake_up()
    {
        var counter = new CountingBodies();
        using var workers = new CpuWorkers(counter, 3);
        int* counts = stackalloc int[64];
        for (int launch = 1; launch <= 20; launch++)
        {
            Thread.Sleep(5);
            workers.Run(CpuKernel.Embedding, counts, 64, workPerItem: 1_000_000);
            for (int i = 0; i < 64; i++)
            {
                Assert.Equal(launch, counts[i]);
            }
        }
    }

    private sealed class CountingBodies : CpuBodies
    {
        public override string Name => "counting";

        public override void Run(CpuKernel kernel, void* arguments, int begin, int end)
        {
            for (int i = begin; i < end; i++)
            {
                Interlocked.Increment(ref ((int*)arguments)[i]);
            }
        }
    }
}
