using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Biases and penalties on a device: a launch for each kind that a row has.</summary>
internal sealed class AdjustLogitsDevice(KernelStream stream) : AdjustLogits
{
    private protected override void Launch(Tensor logits, in LogitAdjustments adjustments)
    {
        if (adjustments.Biased.Shape.Count > 0)
        {
            AdjustLogitsBiasLauncher.Launch(stream, logits, adjustments.BiasStarts, adjustments.Biased, adjustments.Biases);
        }

        if (adjustments.Seen.Shape.Count > 0)
        {
            AdjustLogitsPenaliseLauncher.Launch(stream, logits, adjustments.SeenStarts, adjustments.Seen, adjustments.Penalties);
        }
    }
}
