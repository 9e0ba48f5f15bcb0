using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// expert_router: a group per row. An expert's rank is how many others beat it, which needs neither passes nor marks:
/// every thread counts for its own experts while all logits go by in shared memory.
/// </summary>
public static class ExpertRouter
{
    private const int Threads = 256;
    private const int Ahead = 16;

    /// <summary>Softmax over all experts; the K largest by rank, ties to the lower index, their shares divided by their sum where renormalise ≠ 0.</summary>
    [Kernel("expert_router", Threads, groups: "T", Unroll = true)]
    public static void Run(
        [Shape("T", "E")] ArrayView<float> logits,
        [Shape("T", "K")] ArrayView<int> experts,
        [Shape("T", "K")] ArrayView<float> weights,
        [Extent("E")] int count,
        [Extent("K")] int topK,
        [RowStride("logits")] int stride,
        int renormalise)
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(Threads);
        int thread = Group.IdxX;
        long row = (long)Grid.IdxX * stride, chosen = (long)Grid.IdxX * topK;
        float largest = float.NegativeInfinity;
        for (int e = thread; e < count; e += Threads)
        {
            float x = logits[row + e];
            largest = x > largest ? x : largest;
        }

        largest = GroupMaximum(shared, largest);
        float sum = 0;
        for (int e = thread; e < count; e += Threads)
        {
            sum += GateMath.Exp(logits[row + e] - largest);
        }

        // A NaN anywhere, or an infinity above all, makes the sum NaN: no choice is right then, but the experts' op needs
        // some, so it gets the first ones, with weights that tell.
        float total = GroupSum.All(shared, sum);
        bool fault = float.IsNaN(total);
        for (int e0 = 0; e0 < count; e0 += Threads)
        {
            int e = e0 + thread, rank = 0;
            float own = logits[row + Math.Min(e, count - 1)];
            for (int f0 = 0; f0 < count; f0 += Threads)
            {
                // Past the end nothing beats anything.
                float given = logits[row + Math.Min(f0 + thread, count - 1)];
                Group.Barrier();
                shared[thread] = f0 + thread < count ? given : float.NegativeInfinity;
                Group.Barrier();
                int others = Math.Min(Threads, count - f0);
                for (int f1 = 0; f1 < others; f1 += Ahead)
                {
                    var line = new float[Ahead];
                    for (int u = 0; u < Ahead; u++)
                    {
                        line[u] = shared[f1 + u];
                    }

                    for (int u = 0; u < Ahead; u++)
                    {
                        rank += line[u] > own || (line[u] == own && f0 + f1 + u < e) ? 1 : 0;
                    }
                }
            }

            rank = fault ? e : rank;
            if (e < count && rank < topK)
            {
                experts[chosen + rank] = e;
                weights[chosen + rank] = fault ? float.NaN : GateMath.Exp(own - largest) / total;
            }
        }

        // All threads add the shares by rank before any of them replaces one.
        Group.Barrier();
        float shares = 0;
        for (int r = 0; r < topK; r++)
        {
            shares += weights[chosen + r];
        }

        shares = renormalise != 0 ? shares : 1;
        Group.Barrier();
        for (int r = thread; r < topK; r += Threads)
        {
            weights[chosen + r] /= shares;
        }
    }

    private static float GroupMaximum(ArrayView<float> shared, float value)
    {
        int thread = Group.IdxX;
        shared[thread] = value;
        for (int step = Threads / 2; step > 0; step /= 2)
        {
            Group.Barrier();
            if (thread < step)
            {
                float other = shared[thread + step];
                shared[thread] = other > shared[thread] ? other : shared[thread];
            }
        }

        Group.Barrier();
        return shared[0];
    }
}
