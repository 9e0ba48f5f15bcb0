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

    // Experts whose sum a norm adds up, and the norm.
    [Fact]
    public void Numbers_that_turn_before_a_norm_pass()
    {
        KernelSet off = ReferenceKernels.Create(DType.F32, DType.BF16, 4e-6);
        var set = new KernelSet
        {
            Description = "planted",
            Activations = DType.BF16,
            PrepareAttention = off.PrepareAttention,
            ExpertMixture = off.ExpertMixture,
            AddRmsNorm = off.AddRmsNorm,
            Linear = off.Linear,
            SummedNorm = new NoWidth(),
        };
        // One call of experts behind six of slices: all would take long.
        SelfTestResult found = Assert.Single(SelfTest.Run(set, static op => op == "summed_norm", shard: 8, shards: 11));
        Assert.Null(found.Fault);
        Assert.InRange(found.Error, 1e-5, 1e-3);
    }

    [Fact]
    public void What_a_set_may_do_without_is_held_to_its_bits_where_it_is_there()
    {
        static bool EightBit(string op) => op == "eight_bit_linear";
        static KernelSet With(EightBitLinear? op) => new() { Description = "planted", PrepareAttention = new PrepareAttentionReference(DType.F32), EightBitLinear = op };
        Assert.Empty(SelfTest.Run(With(null), EightBit));
        Assert.Null(Assert.Single(SelfTest.Run(With(new EightBitLinearReference()), EightBit)).Fault);
        Assert.NotNull(Assert.Single(SelfTest.Run(With(new LastBit()), EightBit)).Fault);
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

    // There, and takes nothing.
    private sealed class NoWidth : SummedNorm
    {
        public override bool Takes(long width) => false;

        private protected override void Launch(Tensor residual, Tensor slices, Tensor weight, float epsilon, Tensor output, Tensor faults, int place) =>
            throw new NotSupportedException();

        private protected override void Launch(Tensor residual, in ExpertParts parts, Tensor weight, float epsilon, Tensor output, Tensor faults, int place) =>
            throw new NotSupportedException();

        private protected override void LaunchToTerms(Tensor residual, in ExpertParts parts, Tensor weight, float epsilon, Tensor pieces, Tensor faults, int place) =>
            throw new NotSupportedException();

        private protected override void LaunchToTerms(
            Tensor residual, in ExpertParts parts, Tensor weight, float epsilon, Tensor output, Tensor terms, bool areRead, Tensor faults, int place) =>
            throw new NotSupportedException();
    }

    // The first number of each call is the next one.
    private sealed class LastBit : EightBitLinear
    {
        private protected override void Launch(Tensor x, EightBitWeight weight, Tensor output)
        {
            new EightBitLinearReference().Run(x, weight, output);
            output.AsSpan<float>()[0] = float.BitIncrement(output.AsSpan<float>()[0]);
        }
    }
}
