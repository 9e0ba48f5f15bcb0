using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Sums of parts on a device.</summary>
internal sealed class PartSumDevice(KernelStream stream) : PartSum
{
    private protected override void Launch(Tensor parts, Tensor output) => PartSumLauncher.Launch(stream, parts, output);
}
