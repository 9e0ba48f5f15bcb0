namespace Lean.Tensors.Tests;

public sealed class ShapeTests
{
    [Fact]
    public void A_shape_counts_its_elements_and_prints_its_extents()
    {
        var shape = new Shape(3, 5, 7);
        Assert.Equal(105, shape.Count);
        Assert.Equal(35, shape.RowCount);
        Assert.Equal("[3, 5, 7]", shape.ToString());
    }

    [Fact]
    public void An_extent_beyond_the_rank_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new Shape(3)[1]);
        Assert.Throws<ArgumentOutOfRangeException>(() => new Shape(3)[-1]);
        Assert.Throws<ArgumentOutOfRangeException>(() => Shape.Of([])[0]);
    }

    [Fact]
    public void A_negative_extent_is_refused() => Assert.Throws<ArgumentOutOfRangeException>(() => new Shape(3, -1));

    [Fact]
    public void A_product_above_63_bits_is_refused() =>
        Assert.Throws<OverflowException>(() => new Shape(long.MaxValue, 2));

    [Fact]
    public void Rows_of_a_column_view_keep_the_stride()
    {
        using HostBuffer buffer = HostBuffer.For(DType.F32, new Shape(4, 6));
        Tensor whole = buffer.View(DType.F32, new Shape(4, 6));
        for (int i = 0; i < 24; i++)
        {
            whole.AsSpan<float>()[i] = i;
        }

        Tensor cell = whole.Columns(2, 3).Rows(1, 1);
        Assert.Equal([8f, 9f, 10f], cell.AsSpan<float>().ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => whole.Columns(4, 3));
        Assert.Throws<InvalidOperationException>(() => whole.Columns(2, 3).AsSpan<float>().Length);
    }

    [Fact]
    public void Bf16_rounds_to_nearest_even_and_keeps_nan()
    {
        Assert.Equal(0x3f80, DTypes.F32ToBF16(1f));
        Assert.Equal(0x3f80, DTypes.F32ToBF16(1f + (1f / 256)));
        Assert.Equal(0x3f82, DTypes.F32ToBF16(1f + (3f / 256)));
        Assert.True(float.IsNaN(DTypes.BF16ToF32(DTypes.F32ToBF16(float.NaN))));
        Assert.Equal(float.PositiveInfinity, DTypes.BF16ToF32(DTypes.F32ToBF16(float.MaxValue)));
    }
}
