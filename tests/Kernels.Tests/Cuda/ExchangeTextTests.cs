using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>What ranks exchange as cards run it, on the model of a card.</summary>
public sealed class ExchangeTextTests
{
    [Fact]
    public void A_counter_goes_up_by_one_each_time_and_nothing_beside_it_changes()
    {
        using var stream = new PtxStream(MatrixUnits.Warp);
        using var memory = new HostBuffer(3 * sizeof(int));
        Tensor all = memory.View(DType.I32, new Shape(3));
        int[] before = [7, int.MaxValue, 9];
        before.CopyTo(all.AsSpan<int>());
        CountOneLauncher.Launch(stream, all.Rows(1, 1));
        CountOneLauncher.Launch(stream, all.Rows(1, 1));
        Assert.Equal([7, int.MinValue + 1, 9], all.AsSpan<int>().ToArray());
    }
}
