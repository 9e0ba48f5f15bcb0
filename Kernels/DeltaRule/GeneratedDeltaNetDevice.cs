using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// A Gated DeltaNet layer's generated rows on a device: in one kernel for the heads of most published models, else by three
/// ops. The model's shapes and where its tensors lie decide, never the rows.
/// </summary>
internal sealed class GeneratedDeltaNetDevice(KernelStream stream, GeneratedDeltaNet inThree) : GeneratedDeltaNet
{
    // As in Kernels/Device/Ops/DeltaNetRows.cs.
    private const int Dim = 128;
    private const int Taps = 4;

    // From so many groups on a multiprocessor on, L2 is asked for states: of fewer most are on their way anyway.
    private const int RoundsAsked = 4;

    private protected override void Launch(
        DeltaRuleShape shape, DeltaNetParameters weights, in DeltaNetInputs inputs, Tensor history, Tensor state, Tensor segments, Tensor convolved,
        Tensor output, long promptRows, bool settled)
    {
        int ratio = shape.ValueHeads / shape.KeyHeads;
        bool takes = stream.MatrixUnits != MatrixUnits.None && shape.KeyDim == Dim && shape.ValueDim == Dim && ratio <= 2
            && weights.Convolution.Shape[1] == Taps && weights.Convolution.Address % 16 == 0 && state.Address % 16 == 0;
        int groups = (int)segments.Shape[0] * shape.KeyHeads, early = settled ? 1 : 0;
        int ahead = groups > RoundsAsked * stream.Multiprocessors ? stream.Multiprocessors : 0;
        if (!takes)
        {
            inThree.Run(shape, weights, inputs, history, state, segments, convolved, output, promptRows, settled);
        }
        else if (ratio == 1)
        {
            DeltaNetRowsSingleLauncher.Launch(
                stream, inputs.Qkv, inputs.B, inputs.A, inputs.Z, weights.Convolution, history, weights.Decay, weights.TimeBias, weights.Norm, state,
                segments, output, weights.Epsilon, early, ahead, groups);
        }
        else
        {
            DeltaNetRowsDoubleLauncher.Launch(
                stream, inputs.Qkv, inputs.B, inputs.A, inputs.Z, weights.Convolution, history, weights.Decay, weights.TimeBias, weights.Norm, state,
                segments, output, weights.Epsilon, early, ahead, groups);
        }
    }
}
