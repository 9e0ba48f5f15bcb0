using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Residual add and RMSNorm on a device.</summary>
internal sealed class AddRmsNormDevice(KernelStream stream) : AddRmsNorm
{
    private protected override void Launch(
        Tensor residual, Tensor delta, Tensor weight, float epsilon, Tensor output, Tensor faults, int place) =>
        AddRmsNormLauncher.Launch(stream, residual, delta, weight, output, faults, epsilon, place);
}
