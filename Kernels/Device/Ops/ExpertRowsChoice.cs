using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// Which rows chose which experts, in each group's shared memory, as a bit for each of them: what <see cref="ExpertsSort"/> would find in a launch of
/// its own. A row chooses an expert once, so each entry writes a byte that nobody else writes; then a thread an expert packs 64 rows' bytes.
/// An entry's place follows from the bits before its own, whoever computes it.
/// </summary>
public static class ExpertRowsChoice
{
    /// <summary>The most experts, a multiple of <see cref="Neighbours"/>.</summary>
    public const int MostExperts = 512;

    /// <summary>The most words of bits: 32 rows each, of experts up to a multiple of <see cref="Neighbours"/>.</summary>
    public const int MostWords = 5120;

    /// <summary>Experts that a warp counts at a time.</summary>
    public const int Neighbours = 256;

    private const int Threads = ExpertRowsRing.Threads;

    private const int Eight = 8;

    // Rows whose bytes there is room for; experts lie so far apart that eight lanes read all banks.
    private const int Rows = 64, RowBytes = Rows + 16;

    // Behind each other: a tile's rows, experts' first places, bits by 32 rows and expert, bytes by expert.
    private const uint Starts = 64u, Bits = Starts + (MostExperts * 4), Map = Bits + (MostWords * 4);

    /// <summary>Bytes of all that, at most.</summary>
    public const uint Bytes = Map + (MostExperts * RowBytes);

    /// <summary>Clears what <see cref="Take"/> begins with; every thread calls it, and a barrier must follow.</summary>
    public static void Clear(uint choice, int experts)
    {
        for (int i = Group.IdxX; i < experts * (RowBytes / 16); i += Threads)
        {
            CudaShared.Store4(choice + Map + (uint)(i * 16), default);
        }
    }

    /// <summary>Reads the entries; every thread calls it, and it ends with a barrier.</summary>
    /// <param name="choice">Where to.</param>
    /// <param name="chosen">The entries: those of a kernel before the one before may be read, too.</param>
    /// <param name="share">The group's.</param>
    public static void Take(uint choice, ArrayView<int> chosen, ExpertRowsShare share)
    {
        uint map = choice + Map;
        for (int first = 0; first < share.RowCount; first += Rows)
        {
            int begin = first * share.TopK, end = Math.Min(share.RowCount, first + Rows) * share.TopK;
            for (int i = begin + Group.IdxX; i < end; i += 2 * Threads)
            {
                // Two on their way; one that does not exist counts as nobody's.
                int other = i + Threads, expert = WideAccess.Fresh(ref chosen[i]), otherExpert = WideAccess.Fresh(ref chosen[Math.Min(other, end - 1)]);
                Mark(map, expert - share.FirstExpert, (i - begin) / share.TopK, share.Experts);
                Mark(map, other < end ? otherExpert - share.FirstExpert : -1, (other - begin) / share.TopK, share.Experts);
            }

            Group.Barrier();
            for (int expert = Group.IdxX; expert < share.Experts; expert += Threads)
            {
                uint bytes = map + (uint)(expert * RowBytes), bits = Word(choice, first / 32, expert, share);
                CudaShared.Store(bits, Sixteen(bytes) | (Sixteen(bytes + 16) << 16));
                CudaShared.Store(bits + (uint)(Stride(share) * 4), Sixteen(bytes + 32) | (Sixteen(bytes + 48) << 16));
            }

            Group.Barrier();
        }
    }

    /// <summary>Rows of the experts from <paramref name="first"/> on, a multiple of 8; of those that do not exist, anything.</summary>
    public static void Count(int[] rows, uint choice, int first, ExpertRowsShare share)
    {
        for (int i = 0; i < Eight; i++)
        {
            rows[i] = 0;
        }

        for (int word = 0; word * 32 < share.RowCount; word++)
        {
            uint from = Word(choice, word, first, share);
            U4 left = CudaShared.Load4(from), right = CudaShared.Load4(from + 16);
            rows[0] += Lanes.Count(left.X);
            rows[1] += Lanes.Count(left.Y);
            rows[2] += Lanes.Count(left.Z);
            rows[3] += Lanes.Count(left.W);
            rows[4] += Lanes.Count(right.X);
            rows[5] += Lanes.Count(right.Y);
            rows[6] += Lanes.Count(right.Z);
            rows[7] += Lanes.Count(right.W);
        }
    }

    /// <summary>Notes an expert's first place.</summary>
    public static void Begin(uint choice, int expert, int place) => CudaShared.Store(choice + Starts + (uint)(expert * 4), (uint)place);

    /// <summary>Each lane's row of a tile, which some have none of; a warp calls it.</summary>
    /// <param name="choice">Where bits are.</param>
    /// <param name="expert">The tile's expert.</param>
    /// <param name="before">The expert's rows before it.</param>
    /// <param name="there">Its rows.</param>
    /// <param name="share">The group's.</param>
    public static int Row(uint choice, int expert, int before, int there, ExpertRowsShare share)
    {
        int lane = Group.IdxX & 31, row = before + lane;
        if (expert < share.Experts)
        {
            int rank = -before;
            for (int word = 0; rank < there && word * 32 < share.RowCount; word++)
            {
                uint bits = CudaShared.Load(Word(choice, word, expert, share));
                int own = rank + Lanes.Count(bits & ((1u << lane) - 1u));
                if (((bits >> lane) & 1u) != 0 && own >= 0 && own < there)
                {
                    CudaShared.Store(choice + (uint)(own * 4), (uint)((word * 32) + lane));
                }

                rank += Lanes.Count(bits);
            }

            Lanes.Together();
            if (lane < there)
            {
                row = (int)CudaShared.Load(choice + (uint)(lane * 4));
            }

            Lanes.Together();
        }

        return row;
    }

    /// <summary>Writes the entries' places, −1 where the expert is not here: a warp of each group calls it, and they share them.</summary>
    public static void Place(uint choice, ArrayView<int> chosen, ArrayView<int> places, ExpertRowsShare share)
    {
        int entries = share.RowCount * share.TopK;
        for (int i = (Grid.IdxX * 32) + (Group.IdxX & 31); i < entries; i += Grid.DimX * 32)
        {
            int expert = WideAccess.Fresh(ref chosen[i]) - share.FirstExpert, row = i / share.TopK, place = -1;
            if (expert >= 0 && expert < share.Experts)
            {
                place = (int)CudaShared.Load(choice + Starts + (uint)(expert * 4));
                for (int word = 0; word < row / 32; word++)
                {
                    place += Lanes.Count(CudaShared.Load(Word(choice, word, expert, share)));
                }

                place += Lanes.Count(CudaShared.Load(Word(choice, row / 32, expert, share)) & ((1u << (row & 31)) - 1u));
            }

            places[i] = place;
        }
    }

    private static void Mark(uint map, int expert, int row, int experts)
    {
        if (expert >= 0 && expert < experts)
        {
            CudaShared.StoreByte(map + (uint)((expert * RowBytes) + row), 1);
        }
    }

    // A bit for each of sixteen bytes, which are empty again.
    private static uint Sixteen(uint bytes)
    {
        U4 words = CudaShared.Load4(bytes);
        CudaShared.Store4(bytes, default);
        return Four(words.X) | (Four(words.Y) << 4) | (Four(words.Z) << 8) | (Four(words.W) << 12);
    }

    // Each byte is 0 or 1: the product has them beside each other from bit 24 on.
    private static uint Four(uint bytes) => ((bytes * 0x01020408u) >> 24) & 15u;

    private static uint Word(uint choice, int word, int expert, ExpertRowsShare share) => choice + Bits + (uint)(((word * Stride(share)) + expert) * 4);

    private static int Stride(ExpertRowsShare share) => (share.Experts + Neighbours - 1) / Neighbours * Neighbours;
}
