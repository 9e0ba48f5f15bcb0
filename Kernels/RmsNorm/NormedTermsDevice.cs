using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>A norm and its terms on a device with matrix units: in one launch where rows lie well, else in two.</summary>
/// <param name="stream">The device.</param>
/// <param name="norm">The norm alone.</param>
/// <param name="activations">What products with bf16 weights take of their rows, f32 or bf16.</param>
internal sealed class NormedTermsDevice(KernelStream stream, AddRmsNormDevice norm, DType activations) : NormedTerms
{
    private readonly LinearMatrixUnits _units = new(stream, activations == DType.BF16);
    private readonly RowUnits _rows = new(stream, activations == DType.BF16);

    public override long Bytes(long rows, long width) => _units.TermBytes(rows, width);

    public override Tensor Of(Tensor memory, long rows, long width) => _units.Terms(memory.Address, rows, width);

    public override long PieceBytes(long rows, long width) => _rows.Pieces.Bytes(rows, width);

    public override Tensor Pieces(Tensor memory, long rows, long width) => _rows.Pieces.Of(memory.Address, rows, width);

    // Memory is asked for in pieces of 16 bytes.
    public override bool TakesRounded(long width) => activations == DType.BF16 && width % 8 == 0 && AddRmsNormDevice.KeepsRows(width);

    private protected override void Launch(
        Tensor residual, Tensor delta, Tensor rounded, Tensor weight, float epsilon, Tensor output, Tensor terms, bool areRead, Tensor faults, int place)
    {
        LaunchCheck.That(rounded.IsEmpty || rounded.Address % 16 == 0, Op, "bf16 rows at a multiple of 16 bytes");
        if (!norm.KeepsRows(residual, delta, weight, output) || terms.Address % 8 != 0)
        {
            LaunchCheck.That(rounded.IsEmpty, Op, "rows at multiples of 16 bytes");
            norm.Run(residual, delta, weight, epsilon, output, faults, place);
            _units.Split(output.Rows(0, terms.Shape[0]), terms);
            return;
        }

        int firstKept = areRead ? 0 : (int)terms.Shape[0], ahead = AddRmsNormDevice.GroupsAhead * stream.Multiprocessors;
        switch (residual.Shape[1] > AddRmsNormDevice.NarrowRow, activations == DType.BF16)
        {
            case (false, false):
                AddRmsNormTermsNarrowLauncher.Launch(stream, residual, delta, weight, output, terms, rounded, faults, firstKept, epsilon, place, ahead);
                break;
            case (false, true):
                AddRmsNormTermsNarrowRoundedLauncher.Launch(stream, residual, delta, weight, output, terms, rounded, faults, firstKept, epsilon, place, ahead);
                break;
            case (true, false):
                AddRmsNormTermsWideLauncher.Launch(stream, residual, delta, weight, output, terms, rounded, faults, firstKept, epsilon, place, ahead);
                break;
            default:
                AddRmsNormTermsWideRoundedLauncher.Launch(stream, residual, delta, weight, output, terms, rounded, faults, firstKept, epsilon, place, ahead);
                break;
        }
    }

    private protected override void LaunchGenerated(
        Tensor residual, Tensor delta, Tensor weight, float epsilon, Tensor output, Tensor pieces, Tensor faults, int place)
    {
        Tensor pairs = RowPieces.Pairs(pieces);
        long rows = residual.Shape[0], width = residual.Shape[1];
        int blocks = RowPieces.Blocks(width), eights = RowPieces.Eights(rows);
        if (!norm.KeepsRows(residual, delta, weight, output))
        {
            norm.Run(residual, delta, weight, epsilon, output, faults, place);
            _rows.Pieces.Split(output, pieces);
            return;
        }

        switch (width > AddRmsNormDevice.NarrowRow, activations == DType.BF16)
        {
            case (false, false):
                AddRmsNormPiecesNarrowLauncher.Launch(stream, residual, delta, weight, pairs, faults, blocks, eights, epsilon, place);
                break;
            case (false, true):
                AddRmsNormPiecesNarrowRoundedLauncher.Launch(stream, residual, delta, weight, pairs, faults, blocks, eights, epsilon, place);
                break;
            case (true, false):
                AddRmsNormPiecesWideLauncher.Launch(stream, residual, delta, weight, pairs, faults, blocks, eights, epsilon, place);
                break;
            default:
                AddRmsNormPiecesWideRoundedLauncher.Launch(stream, residual, delta, weight, pairs, faults, blocks, eights, epsilon, place);
                break;
        }
    }
}
