using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// A Gated DeltaNet layer's generated rows on a device: in one kernel for the heads of most published models, else by three
/// ops. The model's shapes and where its tensors lie decide between these, never the rows; which kernel of the one order of sums
/// runs follows from the sequences, and changes no bit.
/// </summary>
internal sealed class GeneratedDeltaNetDevice(KernelStream stream, GeneratedDeltaNet inThree) : GeneratedDeltaNet
{
    // As in Kernels/Device/Ops/DeltaNetRows.cs, DeltaNetHeads.cs and DeltaNetColumns.cs, in whose groups a value head has so many parts.
    private const int Dim = 128;
    private const int Taps = 4;
    private const int Parts = 4;

    // Of groups of columns a multiprocessor holds so many, and L2 is asked for the states of as many more.
    private const int GroupsTogether = 5;

    // From so many whole groups on a multiprocessor on, L2 is asked for states: of fewer most are on their way anyway.
    private const int RoundsAsked = 4;

    private protected override void Launch(
        DeltaRuleShape shape, DeltaNetParameters weights, in DeltaNetInputs inputs, Tensor history, Tensor state, Tensor segments, Tensor convolved,
        Tensor output, long promptRows, bool settled)
    {
        int ratio = shape.ValueHeads / shape.KeyHeads;
        bool takes = stream.MatrixUnits != MatrixUnits.None && shape.KeyDim == Dim && shape.ValueDim == Dim && ratio <= 2
            && weights.Convolution.Shape[1] == Taps && weights.Convolution.Address % 16 == 0 && state.Address % 16 == 0 && history.Address % 16 == 0;
        if (!takes)
        {
            inThree.Run(shape, weights, inputs, history, state, segments, convolved, output, promptRows, settled);
        }
        else if (stream.MatrixUnits == MatrixUnits.WarpGroup)
        {
            // Groups that stay are one to a multiprocessor, and where many have no second key head they lose. The bits are the same.
            if (4 * segments.Shape[0] * shape.KeyHeads > 5 * stream.Multiprocessors)
            {
                LaunchHeads(shape, weights, inputs, history, state, segments, output, settled, stream.Multiprocessors);
            }
            else
            {
                LaunchColumns(shape, weights, inputs, history, state, segments, output, settled);
            }
        }
        else
        {
            LaunchRows(shape, weights, inputs, history, state, segments, output, settled);
        }
    }

    private void LaunchHeads(
        DeltaRuleShape shape, DeltaNetParameters weights, in DeltaNetInputs inputs, Tensor history, Tensor state, Tensor segments, Tensor output, bool settled,
        int groups)
    {
        int early = settled ? 1 : 0;
        if (shape.ValueHeads == shape.KeyHeads)
        {
            DeltaNetHeadsSingleLauncher.Launch(
                stream, inputs.Qkv, inputs.B, inputs.A, inputs.Z, weights.Convolution, history, weights.Decay, weights.TimeBias, weights.Norm, state,
                segments, output, weights.Epsilon, early, groups);
        }
        else
        {
            DeltaNetHeadsDoubleLauncher.Launch(
                stream, inputs.Qkv, inputs.B, inputs.A, inputs.Z, weights.Convolution, history, weights.Decay, weights.TimeBias, weights.Norm, state,
                segments, output, weights.Epsilon, early, groups);
        }
    }

    private void LaunchColumns(
        DeltaRuleShape shape, DeltaNetParameters weights, in DeltaNetInputs inputs, Tensor history, Tensor state, Tensor segments, Tensor output, bool settled)
    {
        int cluster = Parts * (shape.ValueHeads / shape.KeyHeads), groups = (int)segments.Shape[0] * shape.KeyHeads * cluster;
        int early = settled ? 1 : 0, ahead = GroupsTogether * stream.Multiprocessors / cluster;
        if (cluster == Parts)
        {
            DeltaNetColumnsSingleLauncher.Launch(
                stream, inputs.Qkv, inputs.B, inputs.A, inputs.Z, weights.Convolution, history, weights.Decay, weights.TimeBias, weights.Norm, state,
                segments, output, weights.Epsilon, early, ahead, groups);
        }
        else
        {
            DeltaNetColumnsDoubleLauncher.Launch(
                stream, inputs.Qkv, inputs.B, inputs.A, inputs.Z, weights.Convolution, history, weights.Decay, weights.TimeBias, weights.Norm, state,
                segments, output, weights.Epsilon, early, ahead, groups);
        }
    }

    private void LaunchRows(
        DeltaRuleShape shape, DeltaNetParameters weights, in DeltaNetInputs inputs, Tensor history, Tensor state, Tensor segments, Tensor output, bool settled)
    {
        int groups = (int)segments.Shape[0] * shape.KeyHeads, early = settled ? 1 : 0;
        int ahead = groups > RoundsAsked * stream.Multiprocessors ? stream.Multiprocessors : 0;
        if (shape.ValueHeads == shape.KeyHeads)
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
