using CsCheck;

namespace Lean.Comm.Tests;

public sealed class StepRowsTests
{
    private static readonly ParallelLayout s_two = new(tensor: 2, data: 2, expert: true);

    [Theory]
    [InlineData(26, 30, new[] { 13, 13, 15, 15 })]
    [InlineData(0, 1, new[] { 0, 0, 1, 0 })]
    [InlineData(27, 1, new[] { 14, 13, 1, 0 })]
    public void Ranks_of_a_replica_share_its_rows_without_padding(int first, int second, int[] shares) =>
        Assert.Equal(shares, StepRows.Ragged(first, second).Shared(s_two));

    [Fact]
    public void Uniform_rows_are_those_of_the_largest_replica_and_real_rows_stay()
    {
        StepRows rows = StepRows.Uniform(26, 30);
        Assert.Equal([15, 15, 15, 15], rows.Shared(s_two));
        Assert.Equal([30, 30, 30, 30], rows.PerReplica(s_two));
        Assert.Equal([new RealRows(26), new RealRows(30)], rows.Real);
        Assert.Equal([26, 26, 30, 30], StepRows.Ragged(26, 30).PerReplica(s_two));
    }

    [Fact]
    public void Shares_cover_each_row_once() => Gen.Select(Gen.Int[1, 8], Gen.Int[1, 4], Gen.Int[0, 100]).Sample((tensor, data, most) =>
    {
        var layout = new ParallelLayout(tensor, data, expert: true);
        StepRows rows = StepRows.Ragged([.. Enumerable.Range(0, data).Select(d => most * d / data)]);
        for (int rank = 0; rank < layout.Ranks; rank++)
        {
            int end = rows.FirstShared(layout, rank) + rows.Shared(layout)[rank];
            Assert.Equal(layout.TensorRank(rank) == tensor - 1 ? rows.Padded[layout.DataRank(rank)].Count : rows.FirstShared(layout, rank + 1), end);
        }
    });

    [Fact]
    public void Rows_of_another_number_of_replicas_are_refused() =>
        Assert.Throws<ArgumentException>(() => StepRows.Ragged(1).Shared(s_two));
}
