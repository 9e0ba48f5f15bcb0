using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>prepare_attention.</summary>
public abstract class PrepareAttentionTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    protected override IEnumerable<OpCase> Cases => RotaryCases.Prepare();

    [Theory]
    [InlineData(3, 1, 24, 8)]
    [InlineData(4, 2, 40, 10)]
    [InlineData(2, 2, 64, 64)]
    public void A_row_has_the_same_bits_in_every_batch(int heads, int kvHeads, int dim, int rotated) =>
        AssertRowsStandAlone((set, arena, rows) =>
            RotaryCases.Prepare(set, arena, new AttentionShape(heads, kvHeads, dim), rotated, rows, out _, out _));

    [Theory]
    [InlineData(3, 1, 24, 8)]
    [InlineData(4, 2, 40, 10)]
    [InlineData(4, 1, 256, 64)]
    public void Caches_get_the_same_bits_without_queries(int heads, int kvHeads, int dim, int rotated)
    {
        KernelSet kernels = Kernels;
        AttentionShape shape = new(heads, kvHeads, dim);
        using var arena = new Arena(kernels);
        RotaryCases.Prepare(kernels, arena, shape, rotated, [.. Enumerable.Range(0, 70)], out Tensor keys, out Tensor values);
        Assert.Null(Compare.Bits(new Outputs().Add("keys", keys).Add("values", values), RotaryCases.Fill(kernels, arena, shape, rotated, 70)));
    }
}
