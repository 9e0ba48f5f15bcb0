using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Greedy choice on a device.</summary>
internal sealed class GreedyPickDevice(KernelStream stream) : GreedyPick
{
    private protected override void Launch(Tensor logits, Tensor tokens, Tensor logProbabilities) =>
        GreedyPickLauncher.Launch(stream, logits, tokens, logProbabilities);
}
