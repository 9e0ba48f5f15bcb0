using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// expert_router on cards since Ampere: a warp per row, lane l has the experts e with e mod 32 = l in registers. The K
/// largest come out one by one, by whole numbers in the order of the logits. Sums have the order of <see cref="ExpertRouter"/>.
/// </summary>
public static class ExpertRouterWarp
{
    /// <summary>The largest K: a lane keeps what was chosen at its rank.</summary>
    public const int MostChosen = Threads;

    private const int Threads = 32;

    // Those that the portable kernel's threads sum up first.
    private const int Line = 8;
    private const uint Sign = 0x80000000u;

    /// <summary>As <see cref="ExpertRouter.Run"/>; K is at most 32.</summary>
    [Kernel("expert_router_warp", Threads, groups: "T", Unroll = true)]
    [Instance("few", typeof(UpTo256Experts))]
    [Instance("many", typeof(UpTo512Experts))]
    [Cuda("sm_80")]
    public static void Run<TExperts>(
        [Shape("T", "E")] ArrayView<float> logits,
        [Shape("T", "K")] ArrayView<int> experts,
        [Shape("T", "K")] ArrayView<float> weights,
        [Extent("E")] int count,
        [Extent("K")] int topK,
        [RowStride("logits")] int stride,
        int renormalise)
        where TExperts : struct, IExpertLanes
    {
        DependentLaunch.Allow();
        DependentLaunch.Wait();
        int lane = Group.IdxX;
        long row = (long)Grid.IdxX * stride, chosen = (long)Grid.IdxX * topK;

        // 0 is below the place of every number: what is missing, and later what has been chosen.
        var places = new uint[TExperts.Lines * Line];
        var given = new float[TExperts.Lines * Line];
        uint top = 0;
        for (int i = 0; i < TExperts.Lines * Line; i++)
        {
            int e = lane + (i * Threads);

            // Zeros of either sign are equal.
            float x = logits[row + Math.Min(e, count - 1)];
            uint bits = Interop.FloatAsInt(x), place = (bits & Sign) == 0 ? bits | Sign : bits == Sign ? Sign : ~bits;
            given[i] = x;
            places[i] = e < count ? place : 0;
            top = places[i] > top ? places[i] : top;
        }

        float largest = Number(Lanes.Maximum(top));
        var sums = new float[Line];
        for (int i = 0; i < Line; i++)
        {
            sums[i] = 0;
        }

        for (int i = 0; i < TExperts.Lines * Line; i++)
        {
            float share = GateMath.Exp(given[i] - largest);
            sums[i % Line] += lane + (i * Threads) < count ? share : 0;
        }

        float total = sums[0] + sums[4] + (sums[2] + sums[6]) + (sums[1] + sums[5] + (sums[3] + sums[7]));
        total += Lanes.Xor(total, 16);
        total += Lanes.Xor(total, 8);
        total += Lanes.Xor(total, 4);
        total += Lanes.Xor(total, 2);
        total += Lanes.Xor(total, 1);

        // A NaN anywhere, or an infinity above all, makes the sum NaN: no choice is right then, but the experts' op needs
        // some, so it gets the first ones, with weights that tell.
        bool fault = float.IsNaN(total);
        uint ownPlace = 0, ownExpert = (uint)lane;
        for (int r = 0; r < topK; r++)
        {
            uint best = places[0];
            for (int i = 1; i < TExperts.Lines * Line; i++)
            {
                best = places[i] > best ? places[i] : best;
            }

            best = Lanes.Maximum(best);
            uint first = 0xffffffffu;
            for (int i = (TExperts.Lines * Line) - 1; i >= 0; i--)
            {
                first = places[i] == best ? (uint)(lane + (i * Threads)) : first;
            }

            first = Lanes.Minimum(first);
            for (int i = 0; i < TExperts.Lines * Line; i++)
            {
                places[i] = (uint)(lane + (i * Threads)) == first ? 0 : places[i];
            }

            ownPlace = lane == r ? best : ownPlace;
            ownExpert = lane == r && !fault ? first : ownExpert;
        }

        float weight = fault ? float.NaN : GateMath.Exp(Number(ownPlace) - largest) / total, shares = 0;
        for (int r = 0; r < topK; r++)
        {
            shares += Lanes.From(weight, r);
        }

        if (lane < topK)
        {
            experts[chosen + lane] = (int)ownExpert;
            weights[chosen + lane] = weight / (renormalise != 0 ? shares : 1);
        }
    }

    // The number at a place in their order.
    private static float Number(uint place) => Interop.IntAsFloat((place & Sign) != 0 ? place ^ Sign : ~place);
}

/// <summary>How many experts a lane has at most.</summary>
public interface IExpertLanes
{
    /// <summary>Eights.</summary>
    static abstract int Lines { get; }
}

/// <summary>8.</summary>
public struct UpTo256Experts : IExpertLanes
{
    /// <inheritdoc/>
    public static int Lines => 1;
}

/// <summary>16.</summary>
public struct UpTo512Experts : IExpertLanes
{
    /// <inheritdoc/>
    public static int Lines => 2;
}
