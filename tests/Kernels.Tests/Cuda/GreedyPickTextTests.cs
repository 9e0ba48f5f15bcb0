using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>The greedy choice as cards since Ampere make it, on the model of a card.</summary>
public sealed class GreedyPickTextTests
{
    // Parts that are not full, one that is and one more, more parts than a warp has lanes, ties within and across parts, zeros of both signs, and what is not finite.
    [Theory]
    [InlineData(1, 3f, 0f)]
    [InlineData(100, 1f, float.NaN)]
    [InlineData(4096, 3f, float.NegativeInfinity)]
    [InlineData(4100, 1f, 0f)]
    [InlineData(9000, 1f, float.PositiveInfinity)]
    [InlineData(135200, 1f, 0f)]
    public void Warps_choose_what_the_portable_tree_chooses(int width, float scale, float fault)
    {
        const int Rows = 5;
        float[] logits = [.. SelfCases.Normal(1, Rows * width).Select((x, i) => scale == 1 ? MathF.Round(x) : scale * x)];
        logits.AsSpan(width, width).Fill(-0f);
        logits[width + (width / 2)] = 0;
        logits.AsSpan(2 * width, width).Fill(-300);
        logits[(3 * width) + (width * 2 / 3)] = fault == 0 ? 77 : fault;
        (int[] tokens, float[] values, List<string> ran) = Run(MatrixUnits.Warp);
        (int[] expected, float[] expectedValues, _) = Run(MatrixUnits.None);
        Assert.Equal(["greedy_pick_parts_warp", "greedy_pick_warp"], ran);
        Assert.Equal(expected, tokens);
        Assert.Equal(expectedValues.Select(BitConverter.SingleToInt32Bits), values.Select(BitConverter.SingleToInt32Bits));
        Assert.Equal(0, tokens[1]);
        Assert.Equal(fault is 0 ? width * 2 / 3 : -1, tokens[3]);

        (int[] Tokens, float[] Values, List<string> Ran) Run(MatrixUnits units)
        {
            using var stream = new PtxStream(units);
            KernelSet set = DeviceKernelSet.Create(stream);
            using var memory = new GuardedMemory(set);
            Tensor tokens = memory.New("tokens", DType.I32, new Shape(Rows)), values = memory.New("values", DType.F32, new Shape(Rows));
            set.GreedyPick.Run(memory.New("logits", DType.F32, new Shape(Rows, width), logits), tokens, values);
            Assert.Null(memory.Fault());
            return (tokens.AsSpan<int>().ToArray(), values.AsSpan<float>().ToArray(), stream.Ran);
        }
    }
}
