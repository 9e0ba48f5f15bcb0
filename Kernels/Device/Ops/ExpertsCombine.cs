using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>The last step of grouped_experts, for either class of rows.</summary>
public static class ExpertsCombine
{
    private const int Threads = 256;

    /// <summary>output[t, h] = Σ_r mix[t, r] · parts[places[t, r], h], in the order of the ranks; entries without a place add nothing.</summary>
    [Kernel("experts_combine", Threads, groups: "T", groupsY: "H/256")]
    public static void Run(
        [Shape("T", "K")] ArrayView<int> places,
        [Shape("T", "K")] ArrayView<float> mix,
        [Shape("N", "H")] ArrayView<float> parts,
        [Shape("T", "H")] ArrayView<float> output,
        [Extent("K")] int topK,
        [Extent("H")] int width)
    {
        int h = (Grid.IdxY * Threads) + Group.IdxX;
        long entry = (long)Grid.IdxX * topK;
        if (h < width)
        {
            float sum = 0;
            for (int r = 0; r < topK; r++)
            {
                int place = places[entry + r];
                sum = place >= 0 ? Scalar.Fma(mix[entry + r], parts[((long)place * width) + h], sum) : sum;
            }

            output[((long)Grid.IdxX * width) + h] = sum;
        }
    }
}
