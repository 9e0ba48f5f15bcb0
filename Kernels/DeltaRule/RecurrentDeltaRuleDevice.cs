using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The delta rule for generated rows on a device.</summary>
internal sealed class RecurrentDeltaRuleDevice(KernelStream stream) : GatedDeltaRule
{
    private protected override bool KeepsVersions => true;

    private protected override void Launch(
        DeltaRuleShape shape, Tensor convolved, Tensor b, Tensor a, Tensor decay, Tensor timeBias, Tensor state, Tensor segments, Tensor output, long segmentRows)
    {
        if (shape.KeyDim == 128)
        {
            RecurrentDeltaRuleK128Launcher.Launch(stream, convolved, b, a, decay, timeBias, state, segments, output, shape.KeyHeads);
        }
        else
        {
            RecurrentDeltaRuleAnyLauncher.Launch(stream, convolved, b, a, decay, timeBias, state, segments, output, shape.KeyHeads);
        }
    }
}
