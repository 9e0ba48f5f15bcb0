using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// A Gated DeltaNet layer's generated rows on a device: in one kernel for the heads of most published models, else by three
/// ops. The model's shapes and where its tensors lie decide between these, never the rows; which kernel of the one order of sums
/// runs follows from the sequences, and changes no bit.
/// </summary>
/// <param name="stream">The device.</param>
/// <param name="inThree">Those ops.</param>
/// <param name="activations">What products with bf16 weights take of their rows, f32 or bf16.</param>
internal sealed class GeneratedDeltaNetDevice(KernelStream stream, GeneratedDeltaNet inThree, DType activations) : GeneratedDeltaNet
{
    // As in Kernels/Device/Ops/DeltaNetRows.cs, DeltaNetHeads.cs and DeltaNetColumns.cs, in whose groups a value head has so many parts.
    private const int Dim = 128;
    private const int Taps = 4;
    private const int Parts = 4;

    // Of groups of columns a multiprocessor holds so many, and L2 is asked for the states of as many more.
    private const int GroupsTogether = 5;

    // From so many whole groups on a multiprocessor on, L2 is asked for states: of fewer most are on their way anyway.
    private const int RoundsAsked = 4;

    private readonly RowPieces _pieces = new RowUnits(stream, activations == DType.BF16).Pieces;

    public override bool MakesPieces => stream.MatrixUnits == MatrixUnits.WarpGroup;

    private protected override void Launch(
        DeltaRuleShape shape, DeltaNetParameters weights, in DeltaNetInputs inputs, Tensor history, Tensor state, Tensor segments, Tensor convolved,
        Tensor output, Tensor pieces, long promptRows, bool settled)
    {
        int ratio = shape.ValueHeads / shape.KeyHeads;
        bool takes = stream.MatrixUnits != MatrixUnits.None && shape.KeyDim == Dim && shape.ValueDim == Dim && ratio <= 2
            && weights.Convolution.Shape[1] == Taps && weights.Convolution.Address % 16 == 0 && state.Address % 16 == 0 && history.Address % 16 == 0;
        bool asPieces = takes && RowPieces.AreFilled(shape.ValueWidth);
        PieceTarget target = _pieces.Target(asPieces ? pieces : default, output, "generated_delta_net");
        if (!takes)
        {
            inThree.Run(shape, weights, inputs, history, state, segments, convolved, output, promptRows, settled);
        }
        else if (stream.MatrixUnits == MatrixUnits.WarpGroup)
        {
            // Groups that stay are one to a multiprocessor, and where many have no second key head they lose. The bits are the same.
            if (4 * segments.Shape[0] * shape.KeyHeads > 5 * stream.Multiprocessors)
            {
                LaunchHeads(shape, weights, inputs, history, state, segments, output, target, settled, stream.Multiprocessors);
            }
            else
            {
                LaunchColumns(shape, weights, inputs, history, state, segments, output, target, settled);
            }
        }
        else
        {
            LaunchRows(shape, weights, inputs, history, state, segments, output, settled);
        }

        if (!pieces.IsEmpty && !asPieces)
        {
            _pieces.Split(output, pieces);
        }
    }

    private void LaunchHeads(
        DeltaRuleShape shape, DeltaNetParameters weights, in DeltaNetInputs inputs, Tensor history, Tensor state, Tensor segments, Tensor output,
        PieceTarget target, bool settled, int groups)
    {
        int early = settled ? 1 : 0;
        switch (shape.ValueHeads == shape.KeyHeads, target.ArePieces)
        {
            case (true, false):
                DeltaNetHeadsSingleLauncher.Launch(
                    stream, inputs.Qkv, inputs.B, inputs.A, inputs.Z, weights.Convolution, history, weights.Decay, weights.TimeBias, weights.Norm, state,
                    segments, output, target.Pairs, weights.Epsilon, early, target.Blocks, target.EightsShift, target.Terms, groups);
                break;
            case (true, true):
                DeltaNetHeadsSinglePiecesLauncher.Launch(
                    stream, inputs.Qkv, inputs.B, inputs.A, inputs.Z, weights.Convolution, history, weights.Decay, weights.TimeBias, weights.Norm, state,
                    segments, output, target.Pairs, weights.Epsilon, early, target.Blocks, target.EightsShift, target.Terms, groups);
                break;
            case (false, false):
                DeltaNetHeadsDoubleLauncher.Launch(
                    stream, inputs.Qkv, inputs.B, inputs.A, inputs.Z, weights.Convolution, history, weights.Decay, weights.TimeBias, weights.Norm, state,
                    segments, output, target.Pairs, weights.Epsilon, early, target.Blocks, target.EightsShift, target.Terms, groups);
                break;
            default:
                DeltaNetHeadsDoublePiecesLauncher.Launch(
                    stream, inputs.Qkv, inputs.B, inputs.A, inputs.Z, weights.Convolution, history, weights.Decay, weights.TimeBias, weights.Norm, state,
                    segments, output, target.Pairs, weights.Epsilon, early, target.Blocks, target.EightsShift, target.Terms, groups);
                break;
        }
    }

    private void LaunchColumns(
        DeltaRuleShape shape, DeltaNetParameters weights, in DeltaNetInputs inputs, Tensor history, Tensor state, Tensor segments, Tensor output,
        PieceTarget target, bool settled)
    {
        int cluster = Parts * (shape.ValueHeads / shape.KeyHeads), groups = (int)segments.Shape[0] * shape.KeyHeads * cluster;
        int early = settled ? 1 : 0, ahead = GroupsTogether * stream.Multiprocessors / cluster;
        switch (cluster == Parts, target.ArePieces)
        {
            case (true, false):
                DeltaNetColumnsSingleLauncher.Launch(
                    stream, inputs.Qkv, inputs.B, inputs.A, inputs.Z, weights.Convolution, history, weights.Decay, weights.TimeBias, weights.Norm, state,
                    segments, output, target.Pairs, weights.Epsilon, early, ahead, target.Blocks, target.EightsShift, target.Terms, groups);
                break;
            case (true, true):
                DeltaNetColumnsSinglePiecesLauncher.Launch(
                    stream, inputs.Qkv, inputs.B, inputs.A, inputs.Z, weights.Convolution, history, weights.Decay, weights.TimeBias, weights.Norm, state,
                    segments, output, target.Pairs, weights.Epsilon, early, ahead, target.Blocks, target.EightsShift, target.Terms, groups);
                break;
            case (false, false):
                DeltaNetColumnsDoubleLauncher.Launch(
                    stream, inputs.Qkv, inputs.B, inputs.A, inputs.Z, weights.Convolution, history, weights.Decay, weights.TimeBias, weights.Norm, state,
                    segments, output, target.Pairs, weights.Epsilon, early, ahead, target.Blocks, target.EightsShift, target.Terms, groups);
                break;
            default:
                DeltaNetColumnsDoublePiecesLauncher.Launch(
                    stream, inputs.Qkv, inputs.B, inputs.A, inputs.Z, weights.Convolution, history, weights.Decay, weights.TimeBias, weights.Norm, state,
                    segments, output, target.Pairs, weights.Epsilon, early, ahead, target.Blocks, target.EightsShift, target.Terms, groups);
                break;
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
