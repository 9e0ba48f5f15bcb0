using Lean.Engine.Running;
using Lean.Tensors;

namespace Lean.Engine.Tests.Running;

public sealed class ArenaTests
{
    [Fact]
    public void Views_do_not_overlap_until_they_are_given_back()
    {
        using var arena = new Arena();
        Tensor first = arena.F32(3, 5);
        ArenaMark mark = arena.Mark();
        Tensor second = arena.F32(7, 9), third = arena.I32(1, 1);
        Assert.True(first.Address + first.Bytes <= second.Address);
        Assert.True(second.Address + second.Bytes <= third.Address);
        arena.Release(mark);
        Assert.Equal(second.Address, arena.F32(1, 1).Address);
    }

    // What stands in front of activations, an index more or less, moves none of them off a card's lines.
    [Fact]
    public void Every_view_begins_on_lines_of_a_card()
    {
        using var arena = new Arena();
        nint first = arena.I32(1, 1).Address;
        foreach (long count in (long[])[1, 63, 64, 65, 1000])
        {
            Assert.Equal(0, (arena.F32(count, 1).Address - first) % 256);
        }
    }

    [Fact]
    public void A_step_larger_than_the_arena_gets_its_memory_and_the_next_one_finds_it_in_one_block()
    {
        using var arena = new Arena();
        long small = arena.Bytes;
        Tensor big = arena.F32(1000, 1000);
        big.AsSpan<float>().Fill(1);
        Assert.True(arena.Bytes > small);
        arena.Begin();
        long bytes = arena.Bytes;
        for (int step = 0; step < 3; step++)
        {
            arena.Begin();
            arena.F32(1000, 1000).AsSpan<float>().Fill(2);
            Assert.Equal(bytes, arena.Bytes);
        }
    }
}
