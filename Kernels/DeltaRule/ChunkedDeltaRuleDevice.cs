using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The delta rule for prompt rows on a device. Where segments begin is known only there, so it is not checked here.</summary>
internal sealed class ChunkedDeltaRuleDevice(KernelStream stream) : GatedDeltaRule
{
    private protected override void Launch(
        DeltaRuleShape shape, Tensor convolved, Tensor b, Tensor a, Tensor decay, Tensor timeBias, Tensor state, Tensor segments, Tensor output) =>
        ChunkedDeltaRuleLauncher.Launch(stream, convolved, b, a, decay, timeBias, state, segments, output, shape.KeyHeads);
}
