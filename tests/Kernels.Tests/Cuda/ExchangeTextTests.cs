using System.Text;
using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>What ranks exchange as cards run it, on the model of a card.</summary>
public sealed class ExchangeTextTests
{
    [Fact]
    public void A_counter_goes_up_by_one_each_time_and_nothing_beside_it_changes()
    {
        using var stream = new PtxStream(MatrixUnits.Warp);
        using var memory = new HostBuffer(6 * sizeof(int));
        Tensor kept = memory.View(DType.I32, new Shape(3)), shown = memory.View(DType.I32, new Shape(3), 3 * sizeof(int));
        int[] before = [7, int.MaxValue, 9];
        before.CopyTo(kept.AsSpan<int>());
        before.CopyTo(shown.AsSpan<int>());
        CountOneLauncher.Launch(stream, kept.Rows(1, 1), shown.Rows(1, 1));
        CountOneLauncher.Launch(stream, kept.Rows(1, 1), shown.Rows(1, 1));
        Assert.Equal([7, int.MinValue + 1, 9], kept.AsSpan<int>().ToArray());
        Assert.Equal([7, int.MinValue + 1, 9], shown.AsSpan<int>().ToArray());
    }

    // The model of a card adds as IEEE 754 says; that cards do is in the text alone.
    [Theory]
    [InlineData("part_sum")]
    [InlineData("peer_sum")]
    [InlineData("peer_sum_norm_narrow")]
    [InlineData("peer_sum_norm_wide")]
    public void Parts_are_added_by_an_addition_that_flushes_nothing(string kernel) =>
        Assert.Contains("add.rn.f32", Encoding.UTF8.GetString(KernelArchive.Read("sm_80", kernel + ".ptx")), StringComparison.Ordinal);
}
