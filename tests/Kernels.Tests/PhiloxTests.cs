namespace Lean.Kernels.Tests;

/// <summary>The generator against the known answers that its authors publish (Random123, kat_vectors, philox4x32 10).</summary>
public sealed class PhiloxTests
{
    [Theory]
    [InlineData(0u, 0u, 0u, 0u, 0u, 0u, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [InlineData(0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [InlineData(0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u, 0xa4093822u, 0x299f31d0u, 0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void It_gives_the_published_answers(uint c0, uint c1, uint c2, uint c3, uint k0, uint k1, uint x0, uint x1, uint x2, uint x3) =>
        Assert.Equal((x0, x1, x2, x3), Philox.Block((c0, c1, c2, c3), (k0, k1)));

    [Fact]
    public void A_draw_is_the_first_half_of_the_block_that_seed_and_position_name()
    {
        (uint low, uint high, _, _) = Philox.Block((7, 3, 0, 0), (5, 9));
        Assert.Equal(((ulong)high << 32) | low, Philox.Draw((9ul << 32) | 5, (3L << 32) | 7));
        Assert.Equal(0, Philox.Uniform(0x7ff));
        Assert.Equal(1 - Math.Pow(2, -53), Philox.Uniform(ulong.MaxValue));
    }
}
