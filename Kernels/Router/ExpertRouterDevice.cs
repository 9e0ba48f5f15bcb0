using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Routing on a device.</summary>
internal sealed class ExpertRouterDevice(KernelStream stream) : ExpertRouter
{
    // As in Kernels/Device/Ops/ExpertRouterWarp.cs.
    private const long MostChosen = 32;

    // More groups than a multiprocessor holds at a time: from so many rows on each on, four are a group's.
    private const long Many = 32;

    private protected override void Launch(Tensor logits, bool renormalise, Tensor experts, Tensor weights)
    {
        long count = logits.Shape[1];
        int scale = renormalise ? 1 : 0;
        if (stream.MatrixUnits == MatrixUnits.None || count > 512 || experts.Shape[1] > MostChosen)
        {
            ExpertRouterLauncher.Launch(stream, logits, experts, weights, scale);
        }
        else
        {
            switch (count <= 256, logits.Shape[0] > Many * stream.Multiprocessors)
            {
                case (true, false):
                    ExpertRouterWarpFewLauncher.Launch(stream, logits, experts, weights, scale);
                    break;
                case (true, true):
                    ExpertRouterRowsFewLauncher.Launch(stream, logits, experts, weights, scale);
                    break;
                case (false, false):
                    ExpertRouterWarpManyLauncher.Launch(stream, logits, experts, weights, scale);
                    break;
                default:
                    ExpertRouterRowsManyLauncher.Launch(stream, logits, experts, weights, scale);
                    break;
            }
        }
    }
}
