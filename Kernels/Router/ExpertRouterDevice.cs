using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Routing on a device.</summary>
internal sealed class ExpertRouterDevice(KernelStream stream) : ExpertRouter
{
    private protected override void Launch(Tensor logits, bool renormalise, Tensor experts, Tensor weights) =>
        ExpertRouterLauncher.Launch(stream, logits, experts, weights, renormalise ? 1 : 0);
}
