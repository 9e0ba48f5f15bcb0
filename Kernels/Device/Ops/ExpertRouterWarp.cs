using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>expert_router on cards since Ampere: a warp per row, see <see cref="RowChoice"/>. Where rows are more than a card holds groups, four are one group's.</summary>
public static class ExpertRouterWarp
{
    private const int Threads = 32, Together = 4;

    /// <summary>As <see cref="ExpertRouter.Run"/>; K is at most <see cref="RowChoice.MostChosen"/>.</summary>
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
        var given = new float[TExperts.Lines * RowChoice.Line];
        DependentLaunch.Allow();
        DependentLaunch.Wait();
        RowChoice.Load<TExperts>(given, logits, (long)Grid.IdxX * stride, count);
        ChosenExpert own = RowChoice.Choose<TExperts>(SharedMemory.Allocate<int>(RowChoice.ListWords), given, count, topK, renormalise);
        long chosen = (long)Grid.IdxX * topK;
        if (Group.IdxX < topK)
        {
            experts[chosen + Group.IdxX] = own.Expert;
            weights[chosen + Group.IdxX] = own.Weight;
        }
    }

    /// <summary>The same, a row for each of four warps.</summary>
    [Kernel("expert_router_rows", Together * Threads, groups: "T/4", Unroll = true)]
    [Instance("few", typeof(UpTo256Experts))]
    [Instance("many", typeof(UpTo512Experts))]
    [Cuda("sm_80")]
    public static void Rows<TExperts>(
        [Shape("T", "E")] ArrayView<float> logits,
        [Shape("T", "K")] ArrayView<int> experts,
        [Shape("T", "K")] ArrayView<float> weights,
        [Extent("T")] int rows,
        [Extent("E")] int count,
        [Extent("K")] int topK,
        [RowStride("logits")] int stride,
        int renormalise)
        where TExperts : struct, IExpertLanes
    {
        var given = new float[TExperts.Lines * RowChoice.Line];
        ArrayView<int> lists = SharedMemory.Allocate<int>(Together * RowChoice.ListWords);
        DependentLaunch.Allow();
        DependentLaunch.Wait();
        int warp = Lanes.First(Group.IdxX >> 5), lane = Group.IdxX & 31, own = (Grid.IdxX * Together) + warp, row = Math.Min(own, rows - 1);
        RowChoice.Load<TExperts>(given, logits, (long)row * stride, count);
        ChosenExpert chosen = RowChoice.Choose<TExperts>(lists.SubView(warp * RowChoice.ListWords, RowChoice.ListWords), given, count, topK, renormalise);
        long at = ((long)row * topK) + lane;
        if (own == row && lane < topK)
        {
            experts[at] = chosen.Expert;
            weights[at] = chosen.Weight;
        }
    }
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
