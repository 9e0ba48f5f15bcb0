using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Masks on a device.</summary>
internal sealed class MaskLogitsDevice(KernelStream stream) : MaskLogits
{
    private protected override void Launch(Tensor logits, Tensor rows, Tensor masks) =>
        MaskLogitsLauncher.Launch(stream, logits, rows, masks);
}
