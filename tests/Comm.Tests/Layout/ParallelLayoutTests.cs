using CsCheck;
using Lean.Tensors;

namespace Lean.Comm.Tests;

public sealed class ParallelLayoutTests
{
    [Fact]
    public void Two_by_two_with_experts_over_four_ranks_has_the_published_groups()
    {
        var layout = new ParallelLayout(tensor: 2, data: 2, expert: true);
        Assert.Equal(4, layout.Ranks);
        Assert.Equal([0, 1], layout.TensorGroup(1));
        Assert.Equal([2, 3], layout.TensorGroup(2));
        Assert.Equal([0, 2], layout.DataGroup(0));
        Assert.Equal([1, 3], layout.DataGroup(3));
        Assert.Equal([0, 1, 2, 3], layout.ExpertGroup(2));
        Assert.Equal([2, 3], new ParallelLayout(2, 2, expert: false).ExpertGroup(2));
    }

    [Fact]
    public void Groups_of_each_kind_hold_every_rank_once_and_agree_among_their_members() =>
        Gen.Select(Gen.Int[1, 6], Gen.Int[1, 6], Gen.Bool).Sample((tensor, data, expert) =>
        {
            var layout = new ParallelLayout(tensor, data, expert);
            Func<int, IEnumerable<int>>[] kinds = [r => layout.TensorGroup(r), r => layout.DataGroup(r), r => layout.ExpertGroup(r)];
            foreach (Func<int, IEnumerable<int>> group in kinds)
            {
                Assert.All(Enumerable.Range(0, layout.Ranks), r => Assert.Contains(r, group(r)));
                Assert.All(Enumerable.Range(0, layout.Ranks), r => Assert.All(group(r), other => Assert.Equal(group(r), group(other))));
            }
        });

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, -1)]
    [InlineData(100_000, 100_000)]
    public void A_layout_without_ranks_or_with_too_many_is_refused(int tensor, int data) =>
        Assert.Throws<InputException>(() => new ParallelLayout(tensor, data, expert: false));

    [Fact]
    public void A_rank_beyond_the_layout_is_a_fault() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new ParallelLayout(2, 1, expert: false).TensorGroup(2));
}
