using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// What kernels of wgmma products share on Hopper: groups of three times four warps, of which the first has blocks of 64 along
/// k brought to a ring in shared memory, and the other two multiply 64 rows each and leave their sums through boxes of 64 rows
/// of 128 bytes. A place of the ring has the rows' first terms, then their second, then the weights.
/// <para>
/// An output is one chain of products in ascending k, for each block of 64 the first terms' four before the second's: the
/// same whatever rows are beside it, how many there are, and where it lies.
/// </para>
/// </summary>
public static class WarpGroupTiles
{
    /// <summary>Threads of a group.</summary>
    public const int Threads = 384;

    /// <summary>Rows of a tile, and of each of the two that multiply.</summary>
    public const int Rows = 128, OwnRows = 64;

    /// <summary>Along k.</summary>
    public const int Depth = 64;

    /// <summary>Of 128 rows of a block, and of the 64 of one of the two.</summary>
    public const int HalfTile = Rows * Depth * 2, OwnTile = HalfTile / 2;

    /// <summary>A thread's sums of an f32 box.</summary>
    public const int BoxSums = 16;

    /// <summary>Of a box of sums.</summary>
    public const int BoxBytes = OwnRows * 128;

    /// <summary>Where the boxes begin, and the barriers.</summary>
    public const int BlocksBytes = 192 << 10, BarriersAt = BlocksBytes + (2 * 2 * BoxBytes);

    /// <summary>Blocks on their way, two boxes of sums for each of the two that multiply, barriers, and up to a multiple of 1,024.</summary>
    public const int SharedBytes = BarriersAt + 128 + 1024;

    /// <summary>Where shared memory begins: a multiple of 1,024.</summary>
    public static uint Memory() => (CudaShared.Base() + 1023u) & ~1023u;

    /// <summary>The barrier of a place that has been filled.</summary>
    public static uint Full(uint memory, int stage) => memory + BarriersAt + (uint)(stage * 8);

    /// <summary>The barrier of a place that may be filled again.</summary>
    public static uint Empty(uint memory, int stage) => memory + BarriersAt + 64u + (uint)(stage * 8);

    /// <summary>Places of the ring.</summary>
    public static int Stages<TTile, TTerms>()
        where TTile : struct, IProductTile
        where TTerms : struct, IActivationTerms => TTerms.Count == 1 ? TTile.SingleStages : TTile.SplitStages;

    /// <summary>Bytes of a place.</summary>
    public static int StageBytes<TTile, TTerms>()
        where TTile : struct, IProductTile
        where TTerms : struct, IActivationTerms => (TTerms.Count * HalfTile) + (TTile.Columns == 256 ? 2 * HalfTile : HalfTile);

    /// <summary>Makes the barriers; every thread calls it.</summary>
    /// <param name="memory">Shared memory.</param>
    /// <param name="stages">Places of the ring.</param>
    public static void Start(uint memory, int stages)
    {
        if (Group.IdxX == 0)
        {
            for (int i = 0; i < stages; i++)
            {
                AsyncBarrier.Initialize(Full(memory, i), 1);
                AsyncBarrier.Initialize(Empty(memory, i), 2);
            }

            AsyncBarrier.FenceInitialized();
        }

        Group.Barrier();
    }

    /// <summary>Blocks whose weights may come before the rows may be read: those of a group's first tile that the ring holds.</summary>
    /// <param name="tiles">Tiles of all groups.</param>
    /// <param name="padded">Numbers of a term.</param>
    public static int Early<TTile, TTerms>(int tiles, int padded)
        where TTile : struct, IProductTile
        where TTerms : struct, IActivationTerms => Grid.IdxX < tiles ? Math.Min(padded / Depth, Stages<TTile, TTerms>()) : 0;

    /// <summary>Waits until a place may be filled again, and expects a block there: weights and rows are the caller's to bring.</summary>
    /// <param name="memory">Shared memory.</param>
    /// <param name="place">The place.</param>
    /// <returns>Where the block's weights lie.</returns>
    public static uint Expect<TTile, TTerms>(uint memory, RingPlace place)
        where TTile : struct, IProductTile
        where TTerms : struct, IActivationTerms
    {
        AsyncBarrier.Wait(Empty(memory, place.Stage), place.Parity);
        AsyncBarrier.ArriveExpecting(Full(memory, place.Stage), StageBytes<TTile, TTerms>());
        return memory + (uint)(place.Stage * StageBytes<TTile, TTerms>()) + (uint)(TTerms.Count * HalfTile);
    }

    /// <summary>Has an expected block's rows brought.</summary>
    /// <param name="memory">Shared memory.</param>
    /// <param name="place">The place.</param>
    /// <param name="x">The rows' terms.</param>
    /// <param name="row">The tile's first row.</param>
    /// <param name="k">The block's first along k.</param>
    /// <param name="padded">Numbers of a term.</param>
    public static void BringRows<TTile, TTerms>(uint memory, RingPlace place, long x, int row, int k, int padded)
        where TTile : struct, IProductTile
        where TTerms : struct, IActivationTerms
    {
        uint at = memory + (uint)(place.Stage * StageBytes<TTile, TTerms>()), barrier = Full(memory, place.Stage);
        TensorCopy.Load(at, x, k, row, barrier);
        if (TTerms.Count == 2)
        {
            TensorCopy.Load(at + HalfTile, x, padded + k, row, barrier);
        }
    }

    /// <summary>Adds up a tile's products of one warp group, and frees the places they came from.</summary>
    /// <param name="memory">Shared memory.</param>
    /// <param name="place">The first block's place.</param>
    /// <param name="blocks">Blocks, at least 1.</param>
    /// <param name="group">1 or 2.</param>
    /// <returns>The next tile's place.</returns>
    public static RingPlace Multiply<TTile, TTerms>(uint memory, RingPlace place, int blocks, int group)
        where TTile : struct, IProductTile
        where TTerms : struct, IActivationTerms
    {
        int own = Group.IdxX & 127, last = 0;
        for (int block = 0; block < blocks; block++)
        {
            AsyncBarrier.Wait(Full(memory, place.Stage), place.Parity);
            uint at = memory + (uint)(place.Stage * StageBytes<TTile, TTerms>());
            long a = WarpGroup.Descriptor | ((at + (uint)((group - 1) * OwnTile)) >> 4);
            long b = WarpGroup.Descriptor | ((at + (uint)(TTerms.Count * HalfTile)) >> 4);
            WarpGroup.Fence();
            Product<TTile>(a, b, block);
            if (TTerms.Count == 2)
            {
                Product<TTile>(a + (HalfTile >> 4), b, 1);
            }

            WarpGroup.Commit();

            // The block before is done with: its products are when at most these are under way.
            WarpGroup.Wait(1);
            if (block > 0)
            {
                AsyncBarrier.ArriveFirst(Empty(memory, last), own);
            }

            last = place.Stage;
            place = RingPlace.Next(place, Stages<TTile, TTerms>());
        }

        WarpGroup.Wait(0);
        AsyncBarrier.ArriveFirst(Empty(memory, last), own);
        return place;
    }

    /// <summary>
    /// Puts a warp group's sums of a box into shared memory, where the copy engine and its threads may read them. Two places
    /// take turns: one is filled while the other is copied.
    /// </summary>
    /// <param name="memory">Shared memory.</param>
    /// <param name="turn">How many boxes the tile had before.</param>
    /// <param name="box">64 columns of bf16, 32 of f32.</param>
    /// <param name="group">1 or 2.</param>
    /// <returns>The box.</returns>
    public static uint Fill<TOutput>(uint memory, int turn, int box, int group)
        where TOutput : struct, IProductOutput
    {
        int own = Group.IdxX & 127, lane = own & 31, firstRow = (own >> 5) * 16;
        if (own == 0)
        {
            TensorCopy.WaitRead(1);
        }

        WarpGroup.Barrier(group);
        uint at = memory + BlocksBytes + (uint)(((group - 1) * 2 * BoxBytes) + ((turn & 1) * BoxBytes));
        for (int i = 0; i < 4; i++)
        {
            if (TOutput.IsBF16)
            {
                Accumulators.StoreMatrix((box * 32) + (i * 8), at + TileLayout.BF16Place(firstRow, lane, i));
            }
            else
            {
                // A row and the eighth below it are swizzled alike.
                uint place = at + TileLayout.F32Place(firstRow, lane, i);
                Accumulators.Store2((box * BoxSums) + (i * 4), place);
                Accumulators.Store2((box * BoxSums) + (i * 4) + 2, place + 1024u);
            }
        }

        CudaShared.FenceForAsync();
        WarpGroup.Barrier(group);
        return at;
    }

    private static void Product<TTile>(long a, long b, int accumulate) where TTile : struct, IProductTile
    {
        if (TTile.Columns == 256)
        {
            WarpGroup.Multiply256(a, b, accumulate);
        }
        else
        {
            WarpGroup.Multiply128(a, b, accumulate);
        }
    }
}
