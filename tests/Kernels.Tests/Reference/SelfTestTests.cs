using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>What the self-test lets pass where products round their rows: numbers that turn, and no more.</summary>
public sealed unsafe class SelfTestTests
{
    [Fact]
    public void A_rounding_that_is_left_out_between_two_products_is_found()
    {
        SelfTestResult found = Assert.Single(SelfTest.Run(Set(new GatedMlpReference(), rounds: true), static op => op == "gated_mlp_tiles"));
        Assert.Contains("‖Δ‖/‖expected‖", found.Fault, StringComparison.Ordinal);
    }

    // As far off as a tensor core's sums of 2,048 products are.
    [Theory]
    [InlineData("gated_mlp")]
    [InlineData("gated_mlp_tiles")]
    public void Numbers_that_turn_pass(string op)
    {
        SelfTestResult found = Assert.Single(SelfTest.Run(Set(new GatedMlpReference(DType.BF16, 4e-6), rounds: false), name => name == op));
        Assert.Null(found.Fault);
        Assert.InRange(found.Error, 1e-5, 1e-3);
    }

    private static KernelSet Set(GatedMlp mlp, bool rounds) => new()
    {
        Description = "planted",
        Activations = DType.BF16,
        PrepareAttention = new PrepareAttentionReference(DType.F32),
        GatedMlp = rounds ? new RowsAlone(mlp) : mlp,
    };

    // Rounds what goes in, and leaves what stands between the products.
    private sealed class RowsAlone(GatedMlp mlp) : GatedMlp
    {
        private protected override void Launch(
            Tensor x, LinearWeight gateUp, LinearWeight down, Tensor gateLogit, Tensor add, Tensor scratch, Tensor output, long promptRows)
        {
            using var rounded = new HostBuffer(x.Bytes);
            RoundedActivations.Round((float*)x.Address, (float*)rounded.Address, x.Shape.Count);
            mlp.Run(new Tensor(DType.F32, x.Shape, rounded.Address), gateUp, down, gateLogit, add, scratch, output, promptRows);
        }
    }
}
