using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Picks of ranks on a device.</summary>
internal sealed class RankPicksDevice(KernelStream stream) : RankPicks
{
    private protected override void LaunchPack(Tensor logits, Tensor tokens, Tensor logProbabilities, int first, Tensor picks) =>
        PackPicksLauncher.Launch(stream, logits, tokens, logProbabilities, picks, first);

    private protected override void LaunchMerge(Tensor picks, Tensor tokens, Tensor logProbabilities) =>
        MergePicksLauncher.Launch(stream, picks, tokens, logProbabilities);
}
