using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The convolution, the rule and the norm, each by its op.</summary>
internal sealed class GeneratedDeltaNetInThree(CausalConvolution convolution, GatedDeltaRule rule, GatedRmsNorm norm) : GeneratedDeltaNet
{
    private protected override void Launch(
        DeltaRuleShape shape, DeltaNetParameters weights, in DeltaNetInputs inputs, Tensor history, Tensor state, Tensor segments, Tensor convolved,
        Tensor output, Tensor pieces, long promptRows, bool settled)
    {
        long generated = output.Shape[0] - promptRows;
        Tensor mine = output.Rows(promptRows, generated);
        convolution.Run(inputs.Qkv, weights.Convolution, history, segments, convolved);
        rule.Run(shape, convolved, inputs.B, inputs.A, weights.Decay, weights.TimeBias, state, segments, output);
        norm.Run(mine, inputs.Z.Rows(promptRows, generated), weights.Norm, weights.Epsilon, mine);
    }
}
