using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Rows of a step on a device, where what they depend on is.</summary>
internal sealed class StepRowsDevice(KernelStream stream) : StepRows
{
    private protected override void LaunchPlaceRows(Tensor planned, Tensor text, Tensor blocks, Tensor outcome, int vocabulary, in PlacedRows rows) =>
        PlaceRowsLauncher.Launch(stream, planned, text, blocks, outcome, rows.Tokens, rows.Positions, rows.CacheSlots, rows.Segments, vocabulary);

    private protected override void LaunchAcceptDrafts(Tensor entries, Tensor tokens, Tensor chosen, Tensor outcome) =>
        AcceptDraftsLauncher.Launch(stream, entries, tokens, chosen, outcome);
}
