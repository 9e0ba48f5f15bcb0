using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// What a group of <see cref="ExpertsWarpGroup"/> multiplies: three times four warps, of which the first has blocks of 64 along k brought to a
/// ring in shared memory, and the other two multiply by wgmma, 64 outputs of the first half of the weights and 64 of the second each. A place of the
/// ring has the rows' first terms, then their second, then 256 rows of weights.
/// <para>
/// A sum is one chain of products in ascending k, for each block of 64 the first terms' four before the second's: the same whatever rows are
/// beside it, how many there are, and where it lies. It is the chain of <see cref="WarpGroupTiles"/>, whose left side are rows.
/// </para>
/// </summary>
public static class ExpertBlocks
{
    /// <summary>Threads of a group.</summary>
    public const int Threads = 384;

    /// <summary>Along k.</summary>
    public const int Depth = 64;

    /// <summary>Rows of weights that are brought together, half of a tile's, and rows of terms.</summary>
    public const int WeightRows = 128, Lines = 16;

    /// <summary>Of a block: its weights, one term of the most rows, and one term of the rows that are brought together.</summary>
    public const int WeightBytes = 2 * WeightRows * Depth * 2, TermBytes = ExpertTiles.Rows * Depth * 2, LineBytes = Lines * Depth * 2;

    /// <summary>A thread's sums of 64 outputs: those of the second half of the weights lie behind those of the first.</summary>
    public const int HalfSums = ExpertTiles.Rows / 2;

    /// <summary>Where boxes of outputs begin, and how many bytes there are for each of the two that multiply.</summary>
    public const int BoxesAt = 3 * ((2 * TermBytes) + WeightBytes), BoxesBytes = 8 << 10;

    /// <summary>Blocks on their way, boxes of outputs, barriers, and up to a multiple of 1,024.</summary>
    public const int SharedBytes = BarriersAt + 128 + 1024;

    private const int BarriersAt = BoxesAt + (2 * BoxesBytes);
    private const int Own = 64 * Depth * 2;

    /// <summary>The barrier of a place that has been filled.</summary>
    public static uint Full(uint memory, int stage) => memory + BarriersAt + (uint)(stage * 8);

    /// <summary>The barrier of a place that may be filled again.</summary>
    public static uint Empty(uint memory, int stage) => memory + BarriersAt + 64u + (uint)(stage * 8);

    /// <summary>Places of the ring.</summary>
    public static int Stages<TTerms>() where TTerms : struct, IActivationTerms => TTerms.Count == 1 ? 4 : 3;

    /// <summary>A place.</summary>
    public static uint At<TTerms>(uint memory, int stage) where TTerms : struct, IActivationTerms =>
        memory + (uint)(stage * ((TTerms.Count * TermBytes) + WeightBytes));

    /// <summary>Makes the barriers; every thread calls it.</summary>
    /// <param name="memory">Shared memory.</param>
    /// <param name="arrivals">What arrives when a place is filled, beside the copy engine's bytes.</param>
    public static void Start<TTerms>(uint memory, int arrivals) where TTerms : struct, IActivationTerms
    {
        if (Group.IdxX == 0)
        {
            for (int i = 0; i < Stages<TTerms>(); i++)
            {
                AsyncBarrier.Initialize(Full(memory, i), arrivals);
                AsyncBarrier.Initialize(Empty(memory, i), 2);
            }

            AsyncBarrier.FenceInitialized();
        }

        Group.Barrier();
    }

    /// <summary>The last place of a tile, of which a warp group has its own weights' 64 rows to itself, twice, until it frees them.</summary>
    /// <param name="memory">Shared memory.</param>
    /// <param name="next">The next tile's place.</param>
    /// <param name="group">1 or 2.</param>
    /// <param name="half">Which half of the weights.</param>
    public static uint Last<TTerms>(uint memory, RingPlace next, int group, int half) where TTerms : struct, IActivationTerms =>
        At<TTerms>(memory, Before<TTerms>(next)) + (uint)((TTerms.Count * TermBytes) + (half * WeightBytes / 2) + ((group - 1) * Own));

    /// <summary>Frees it.</summary>
    public static void Free<TTerms>(uint memory, RingPlace next) where TTerms : struct, IActivationTerms =>
        AsyncBarrier.ArriveFirst(Empty(memory, Before<TTerms>(next)), Group.IdxX & 127);

    /// <summary>Adds up a tile's products of one warp group, and frees the places they came from but the last.</summary>
    /// <param name="memory">Shared memory.</param>
    /// <param name="place">The first block's place.</param>
    /// <param name="blocks">Blocks, at least 1.</param>
    /// <param name="group">1 or 2.</param>
    /// <param name="rows">The tile's, at least 1.</param>
    /// <returns>The next tile's place.</returns>
    public static RingPlace Multiply<TTerms, TProduct>(uint memory, RingPlace place, int blocks, int group, int rows)
        where TTerms : struct, IActivationTerms
        where TProduct : struct, IExpertProduct
    {
        // How many columns a product has is part of its instruction.
        int steps = ExpertTiles.Steps(rows);
        for (int i = 1; i <= ExpertTiles.Rows / ExpertTiles.Step; i++)
        {
            if (i == steps)
            {
                place = Products<TTerms, TProduct>(memory, place, blocks, group, i * ExpertTiles.Step);
            }
        }

        return place;
    }

    private static RingPlace Products<TTerms, TProduct>(uint memory, RingPlace place, int blocks, int group, int columns)
        where TTerms : struct, IActivationTerms
        where TProduct : struct, IExpertProduct
    {
        int own = Group.IdxX & 127, last = 0;
        for (int block = 0; block < blocks; block++)
        {
            AsyncBarrier.Wait(Full(memory, place.Stage), place.Parity);
            if (TProduct.IsGathered)
            {
                // Those who wrote them have arrived since.
                CudaShared.FenceForAsync();
            }

            uint at = At<TTerms>(memory, place.Stage);
            long rows = WarpGroup.Descriptor | (at >> 4);
            long weights = WarpGroup.Descriptor | ((at + (uint)((TTerms.Count * TermBytes) + ((group - 1) * Own))) >> 4);
            WarpGroup.Fence();
            for (int i = 0; i < TTerms.Count * 4; i++)
            {
                long right = rows + ((i >> 2) * (TermBytes >> 4)) + ((i & 3) * 2), left = weights + ((i & 3) * 2);
                WarpGroup.Multiply(0, columns, left, right, i == 0 ? block : 1);
                WarpGroup.Multiply(HalfSums, columns, left + (WeightBytes >> 5), right, i == 0 ? block : 1);
            }

            WarpGroup.Commit();

            // The block before is done with: its products are when at most these are under way.
            WarpGroup.Wait(1);
            if (block > 0)
            {
                AsyncBarrier.ArriveFirst(Empty(memory, last), own);
            }

            last = place.Stage;
            place = RingPlace.Next(place, Stages<TTerms>());
        }

        WarpGroup.Wait(0);
        return place;
    }

    private static int Before<TTerms>(RingPlace next) where TTerms : struct, IActivationTerms => next.Stage == 0 ? Stages<TTerms>() - 1 : next.Stage - 1;
}
