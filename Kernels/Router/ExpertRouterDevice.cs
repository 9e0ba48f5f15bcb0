using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Routing on a device.</summary>
internal sealed class ExpertRouterDevice(KernelStream stream) : ExpertRouter
{
    // As in Kernels/Device/Ops/ExpertRouterWarp.cs.
    private const long MostChosen = 32;

    private protected override void Launch(Tensor logits, bool renormalise, Tensor experts, Tensor weights)
    {
        long count = logits.Shape[1];
        int scale = renormalise ? 1 : 0;
        if (stream.MatrixUnits == MatrixUnits.None || count > 512 || experts.Shape[1] > MostChosen)
        {
            ExpertRouterLauncher.Launch(stream, logits, experts, weights, scale);
        }
        else if (count <= 256)
        {
            ExpertRouterWarpFewLauncher.Launch(stream, logits, experts, weights, scale);
        }
        else
        {
            ExpertRouterWarpManyLauncher.Launch(stream, logits, experts, weights, scale);
        }
    }
}
