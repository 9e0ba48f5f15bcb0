using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>gather_rows on the CPU, whose rows need no copy where they lie together.</summary>
public sealed class GatherRowsCpuTests
{
    [Theory]
    [InlineData(true, 3)]
    [InlineData(true, 2, 3, 4)]
    [InlineData(false)]
    [InlineData(false, 2, 4)]
    [InlineData(false, 2, 2)]
    [InlineData(false, 1, 2, 0)]
    public void Rows_are_together_that_follow_each_other(bool expected, params int[] rows)
    {
        KernelSet set = ScalarTarget.WithThreads(1);
        using var memory = new GuardedMemory(set);
        bool found = set.GatherRows.AreTogether(memory.New("rows", new Shape(rows.Length), rows), out long first);
        Assert.Equal(expected, found);
        Assert.Equal(expected ? rows[0] : first, first);
    }
}
