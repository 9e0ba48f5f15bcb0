using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>greedy_pick.</summary>
public abstract class GreedyPickTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    protected override IEnumerable<OpCase> Cases => GreedyCases.All();

    [Theory]
    [InlineData(33)]
    [InlineData(1000)]
    public void A_row_has_the_same_bits_in_every_batch(int width) =>
        AssertRowsStandAlone((set, arena, rows) => GreedyCases.Rows(set, arena, width, rows));

    [Theory]
    [InlineData(33)]
    [InlineData(1000)]
    public void Tokens_alone_are_the_same(int width)
    {
        Assert.SkipWhen(TTarget.WhyUnavailable is not null, TTarget.WhyUnavailable ?? "");
        const int rows = 5;
        KernelSet set = TTarget.WithThreads(TTarget.Threads);
        using var memory = new GuardedMemory(set);
        float[] values = Numbers.Normal(45, rows * width);
        values[(2 * width) + 7] = float.NaN;
        Tensor logits = memory.New("logits", DType.F32, new Shape(rows, width), values);
        Tensor tokens = memory.New("tokens", DType.I32, new Shape(rows)), alone = memory.New("alone", DType.I32, new Shape(rows));
        set.GreedyPick.Run(logits, tokens, memory.New("probabilities", DType.F32, new Shape(rows)));
        set.GreedyPick.RunTokens(logits, alone, memory.New("room", DType.F32, new Shape(rows)));
        set.Queue.Synchronize();
        Assert.Equal(-1, tokens.AsSpan<int>()[2]);
        Assert.Equal(tokens.AsSpan<int>(), alone.AsSpan<int>());
        Assert.Null(memory.Fault());
    }
}
