using Lean.Tensors;
using Xunit.Sdk;

namespace Lean.Kernels.Tests;

/// <summary>A harness that cannot fail proves nothing.</summary>
public sealed unsafe class HarnessTests
{
    [Theory]
    [InlineData(-1)]
    [InlineData(6)]
    public void A_write_outside_a_tensor_is_found(int index)
    {
        var arena = new Arena();
        Tensor tensor = arena.Output(DType.F32, new Shape(2, 3));
        ((float*)tensor.Address)[index] = 1;
        XunitException fault = Assert.ThrowsAny<XunitException>(arena.Dispose);
        Assert.Contains($"overrun at byte {4 * index}", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_write_between_strided_rows_is_found()
    {
        var arena = new Arena();
        Tensor tensor = arena.Output(DType.F32, new Shape(2, 3), gap: 2);
        Assert.Equal(7, tensor.RowStride);
        ((float*)tensor.Address)[3] = 1;
        Assert.ThrowsAny<XunitException>(arena.Dispose);
    }

    [Fact]
    public void A_write_to_an_input_is_found()
    {
        var arena = new Arena();
        Tensor tensor = arena.Input([1f, 2f], new Shape(2));
        tensor.AsSpan<float>()[1] = 3;
        Assert.Contains("an input", Assert.ThrowsAny<XunitException>(arena.Dispose).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Writes_to_ones_own_elements_are_fine()
    {
        using var arena = new Arena();
        arena.Output(DType.F32, new Shape(2, 3)).AsSpan<float>().Fill(1);
        arena.State([1f, 2f], new Shape(2)).AsSpan<float>()[0] = 3;
        Tensor strided = arena.Strided([1f, 2f, 3f, 4f], new Shape(2, 2));
        Assert.Equal([3f, 4f], strided.Rows(1, 1).AsSpan<float>().ToArray());
        Assert.True(float.IsNaN(((float*)strided.Address)[2]));
    }

    [Fact]
    public void A_difference_names_its_place_and_both_values()
    {
        Outputs expected = Written(1, 2, 3, 4), actual = Written(1, 2, 3.5f, 4);
        Assert.StartsWith("y[1, 0]: expected 3 (0x40400000), found 3.5 (0x40600000); 1 of 4", Compare.Bits(expected, actual), StringComparison.Ordinal);
        Assert.NotNull(Compare.Close(expected, actual, new Tolerance(0.4, 0)));
        Assert.Null(Compare.Close(expected, actual, new Tolerance(0.6, 0)));
        Assert.NotNull(Compare.Bits(expected, Written(1, 2, 3, MathF.BitIncrement(4))));
        Assert.NotNull(Compare.Close(expected, Written(1, 2, 3, float.NaN), new Tolerance(1, 1)));
        Assert.Contains("unwritten", Compare.Close(expected, Written(1, 2, 3, BitConverter.Int32BitsToSingle(Arena.Poison)), new Tolerance(1, 1)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_write_to_a_row_of_no_segment_is_found()
    {
        using var arena = new Arena();
        var batch = new Ragged(1, (2, 0), (3, 64));
        int nobody = Enumerable.Range(0, batch.Rows)
            .First(row => !Enumerable.Range(0, 2).Any(s => row >= batch.FirstRow(s) && row < batch.FirstRow(s) + 2 + s));
        Tensor output = arena.Output(DType.F32, new Shape(batch.Rows, 2));
        batch.AssertOthersUntouched(output, default);
        output.AsSpan<float>()[2 * nobody] = 0;
        Assert.ThrowsAny<XunitException>(() => batch.AssertOthersUntouched(output, default));
    }

    [Fact]
    public void Cuts_on_the_grid_cover_the_prompt() =>
        Assert.Equal(["64+66", "128+2", "64+64+2"], GridCuts.Of(130).Select(cut => string.Join('+', cut)));

    private static Outputs Written(params float[] values)
    {
        using var arena = new Arena();
        return new Outputs().Add("y", arena.Input(values, new Shape(2, 2)));
    }
}
