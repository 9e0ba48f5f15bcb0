using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// The queries of a group of <see cref="AttentionPrompt"/> as its products take them: each term, x ≈ hi + lo, lies in shared
/// memory, 64 of d of all queries in a tile of rows of 128 bytes. Where there is one term, the second half of d stays in registers besides:
/// then products of 64 positions need no more of shared memory than it gives.
/// </summary>
public static class AttentionQueries
{
    /// <summary>Of a group, and of a warp group.</summary>
    public const int Count = 128, Own = 64;

    /// <summary>Bytes of a term, and from 64 of d to the next.</summary>
    public const int TermBytes = 64 << 10, TileBytes = Count * 128;

    private const int Side = 16;
    private const int Four = 128;

    /// <summary>Brings a warp group's queries, 64 of d in a tile of rows of 128 bytes; those past the end are zeros. A barrier must follow.</summary>
    /// <param name="memory">Shared memory.</param>
    /// <param name="queries">f32.</param>
    /// <param name="firstQuery">The group's first, among all rows' heads.</param>
    /// <param name="heads">Query heads.</param>
    /// <param name="group">Those of a key/value head.</param>
    /// <param name="count">The group's queries.</param>
    /// <param name="firstOwn">The warp group's first of them.</param>
    public static void Bring<TColumns, TTerms>(uint memory, ArrayView<float> queries, long firstQuery, int heads, int group, int count, int firstOwn)
        where TColumns : struct, IColumnTile
        where TTerms : struct, IActivationTerms
    {
        int across = TColumns.Columns / 8, own = Group.IdxX & (Four - 1);
        for (int from = own; from < Own * across; from += Four * Ahead<TColumns>())
        {
            var bits = new uint[Ahead<TColumns>() * 8];
            for (int u = 0; u < Ahead<TColumns>(); u++)
            {
                int query = firstOwn + ((from + (u * Four)) / across), chunk = (from + (u * Four)) % across, known = Math.Min(query, count - 1);
                long at = ((firstQuery + ((long)(known / group) * heads) + (known % group)) * TColumns.Columns) + (chunk * 8);
                U4 low = WideAccess.Load(ref queries[at]), high = WideAccess.Load(ref queries[at + 4]);
                bits[u * 8] = low.X;
                bits[(u * 8) + 1] = low.Y;
                bits[(u * 8) + 2] = low.Z;
                bits[(u * 8) + 3] = low.W;
                bits[(u * 8) + 4] = high.X;
                bits[(u * 8) + 5] = high.Y;
                bits[(u * 8) + 6] = high.Z;
                bits[(u * 8) + 7] = high.W;
            }

            // Stored when all have been asked for.
            for (int u = 0; u < Ahead<TColumns>(); u++)
            {
                int query = firstOwn + ((from + (u * Four)) / across), chunk = (from + (u * Four)) % across;
                bool exists = query < count;
                float x0 = Value(bits[u * 8], exists), x1 = Value(bits[(u * 8) + 1], exists), x2 = Value(bits[(u * 8) + 2], exists), x3 = Value(bits[(u * 8) + 3], exists);
                float x4 = Value(bits[(u * 8) + 4], exists), x5 = Value(bits[(u * 8) + 5], exists), x6 = Value(bits[(u * 8) + 6], exists), x7 = Value(bits[(u * 8) + 7], exists);
                var term = new U4 { X = BF16.Pack(x0, x1), Y = BF16.Pack(x2, x3), Z = BF16.Pack(x4, x5), W = BF16.Pack(x6, x7) };
                uint place = memory + (uint)(chunk / 8 * TileBytes) + TileLayout.Wide(query, chunk & 7);
                CudaShared.Store4(place, term);
                if (TTerms.Count == 2)
                {
                    var rest = new U4
                    {
                        X = BF16.Pack(x0 - BF16.Low(term.X), x1 - BF16.High(term.X)),
                        Y = BF16.Pack(x2 - BF16.Low(term.Y), x3 - BF16.High(term.Y)),
                        Z = BF16.Pack(x4 - BF16.Low(term.Z), x5 - BF16.High(term.Z)),
                        W = BF16.Pack(x6 - BF16.Low(term.W), x7 - BF16.High(term.W)),
                    };
                    CudaShared.Store4(place + TermBytes, rest);
                }
            }
        }
    }

    /// <summary>Sixteens of d, the last ones, that stay in registers.</summary>
    public static int Kept<TColumns, TTerms>()
        where TColumns : struct, IColumnTile
        where TTerms : struct, IActivationTerms => TTerms.Count == 1 ? TColumns.Columns / (2 * Side) : 0;

    /// <summary>Takes those out of shared memory, as left sides.</summary>
    /// <param name="queries">The warp group's.</param>
    /// <param name="left">The first register.</param>
    public static void Keep<TColumns, TTerms>(uint queries, int left)
        where TColumns : struct, IColumnTile
        where TTerms : struct, IActivationTerms
    {
        int lane = Group.IdxX & 31, row = (((Group.IdxX >> 5) & 3) * Side) + (lane & 15);
        if (TTerms.Count == 1)
        {
            for (int i = 0; i < TColumns.Columns / (2 * Side); i++)
            {
                int step = (TColumns.Columns / (2 * Side)) + i;
                U4 side = WarpMatrix.Load(queries + (uint)(step / 4 * TileBytes) + TileLayout.Wide(row, (step % 4 * 2) + (lane >> 4)));
                LeftSides.Set(left + (i * 4), side.X);
                LeftSides.Set(left + (i * 4) + 1, side.Y);
                LeftSides.Set(left + (i * 4) + 2, side.Z);
                LeftSides.Set(left + (i * 4) + 3, side.W);
            }
        }
    }

    // Eights of d of a thread that are on their way together, no more than it has.
    private static int Ahead<TColumns>()
        where TColumns : struct, IColumnTile => TColumns.Columns == 64 ? 4 : 8;

    private static float Value(uint bits, bool exists) => exists ? Interop.IntAsFloat(bits) : 0;
}
