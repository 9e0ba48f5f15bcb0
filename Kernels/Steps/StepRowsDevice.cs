using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Rows of a step on a device, where what they depend on is.</summary>
internal sealed class StepRowsDevice(KernelStream stream) : StepRows
{
    private protected override void LaunchPlaceRows(Tensor planned, Tensor text, Tensor blocks, Tensor outcome, int vocabulary, in PlacedRows rows)
    {
        PlaceRowsLauncher.Launch(stream, planned, text, blocks, outcome, rows.Tokens, rows.Positions, rows.CacheSlots, rows.Segments, rows.States, vocabulary);
        stream.HoldNext();
    }

    private protected override void LaunchAcceptDrafts(Tensor entries, Tensor tokens, Tensor chosen, Tensor outcome, Tensor rows) =>
        AcceptDraftsLauncher.Launch(stream, entries, tokens, chosen, outcome, rows);

    private protected override void LaunchFollowRows(Tensor following, Tensor chosen, int vocabulary, Tensor tokens) =>
        FollowRowsLauncher.Launch(stream, following, chosen, tokens, vocabulary);

    private protected override void LaunchPlaceDrafts(
        Tensor rows, Tensor positions, Tensor outcome, Tensor blocks, int depth, int vocabulary, in DraftRows drafts)
    {
        PlaceDraftsLauncher.Launch(
            stream, rows, positions, outcome, blocks, drafts.Tokens, drafts.Positions, drafts.CacheSlots, drafts.Segments, depth, vocabulary);
        stream.HoldNext();
    }

    private protected override void LaunchDrawNumbers(Tensor seeds, Tensor rows, Tensor positions, Tensor draws) =>
        DrawNumbersLauncher.Launch(stream, seeds, rows, positions, draws);
}
