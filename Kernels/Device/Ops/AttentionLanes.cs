using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// How <see cref="AttentionJoin"/> and <see cref="AttentionRunsJoin"/> add up a row and head's parts, spans or runs: sixteen lanes, of which lane l adds parts
/// l, l + 16, …, all relative to the largest score, and which are added in their order. A group of 256 threads has 64 columns, or all 256, whose threads then have four lanes each.
/// </summary>
public static class AttentionLanes
{
    /// <summary>Threads of a group.</summary>
    public const int Threads = 256;

    /// <summary>Its warps.</summary>
    public const int Warps = Threads / 32;

    /// <summary>Lanes.</summary>
    public const int Count = 16;

    /// <summary>Numbers of a lane that a thread has: sums of four columns, and Σ weights.</summary>
    public const int Numbers = 5;

    // Parts of a thread that are on their way together.
    private const int Ahead = 4;

    /// <summary>Lanes of a thread.</summary>
    public static int Own<TColumns>()
        where TColumns : struct, IColumnTile => TColumns.Columns / 64;

    /// <summary>The largest of all threads' scores; every thread calls it.</summary>
    /// <param name="largest">The thread's.</param>
    /// <param name="maxima">Room for one of each warp.</param>
    public static float Largest(float largest, ArrayView<float> maxima)
    {
        largest = AttentionMath.Larger(largest, Lanes.Xor(largest, 16));
        largest = AttentionMath.Larger(largest, Lanes.Xor(largest, 8));
        largest = AttentionMath.Larger(largest, Lanes.Xor(largest, 4));
        largest = AttentionMath.Larger(largest, Lanes.Xor(largest, 2));
        largest = AttentionMath.Larger(largest, Lanes.Xor(largest, 1));
        if ((Group.IdxX & 31) == 0)
        {
            maxima[Group.IdxX >> 5] = largest;
        }

        Group.Barrier();
        for (int w = 0; w < Warps; w++)
        {
            largest = AttentionMath.Larger(largest, maxima[w]);
        }

        return largest;
    }

    /// <summary>Adds parts to a thread's lanes.</summary>
    /// <param name="added">The lanes.</param>
    /// <param name="sums">Σ weight · v of each part.</param>
    /// <param name="totals">The largest score and Σ weight.</param>
    /// <param name="first">The first part.</param>
    /// <param name="count">Parts.</param>
    /// <param name="firstLane">The thread's first lane.</param>
    /// <param name="step">Lanes from one of a thread to its next.</param>
    /// <param name="dim">D.</param>
    /// <param name="column">The thread's first column.</param>
    /// <param name="largest">What all is relative to.</param>
    public static void Add<TColumns>(
        float[] added, ArrayView<float> sums, ArrayView<float> totals, long first, int count, int firstLane, int step, int dim, int column, float largest)
        where TColumns : struct, IColumnTile
    {
        for (int from = firstLane; from < count; from += Ahead * step)
        {
            for (int u = 0; u < Ahead; u++)
            {
                // Parts past the last add nothing.
                int at = u % Own<TColumns>() * Numbers, number = from + (u * step);
                bool inside = number < count;
                long part = first + (inside ? number : from);
                U4 mixed = WideAccess.Load(ref sums[(part * dim) + column]);
                float share = AttentionMath.Shrink(totals[part * 2], largest), weight = totals[(part * 2) + 1];
                added[at] = inside ? Scalar.Fma(Interop.IntAsFloat(mixed.X), share, added[at]) : added[at];
                added[at + 1] = inside ? Scalar.Fma(Interop.IntAsFloat(mixed.Y), share, added[at + 1]) : added[at + 1];
                added[at + 2] = inside ? Scalar.Fma(Interop.IntAsFloat(mixed.Z), share, added[at + 2]) : added[at + 2];
                added[at + 3] = inside ? Scalar.Fma(Interop.IntAsFloat(mixed.W), share, added[at + 3]) : added[at + 3];
                added[at + 4] = inside ? Scalar.Fma(weight, share, added[at + 4]) : added[at + 4];
            }
        }
    }

    /// <summary>Leaves a thread's lanes where all read them.</summary>
    /// <param name="added">The lanes.</param>
    /// <param name="sums">By lane and column.</param>
    /// <param name="weights">By lane.</param>
    /// <param name="firstLane">The thread's first lane.</param>
    /// <param name="step">Lanes from one of a thread to its next.</param>
    /// <param name="quad">Which four columns are the thread's.</param>
    /// <param name="turns">How often lanes have taken each other's place: the lane after the first is first after one.</param>
    public static void Leave<TColumns>(float[] added, ArrayView<float> sums, ArrayView<float> weights, int firstLane, int step, int quad, int turns)
        where TColumns : struct, IColumnTile
    {
        for (int i = 0; i < Own<TColumns>(); i++)
        {
            int lane = firstLane + ((i + turns) % Own<TColumns>() * step), at = (lane * TColumns.Columns) + (quad * 4);
            sums[at] = added[i * Numbers];
            sums[at + 1] = added[(i * Numbers) + 1];
            sums[at + 2] = added[(i * Numbers) + 2];
            sums[at + 3] = added[(i * Numbers) + 3];
            if (quad == 0)
            {
                weights[lane] = added[(i * Numbers) + 4];
            }
        }
    }

    /// <summary>Adds the lanes and writes a column; every thread calls it.</summary>
    /// <param name="sums">By lane and column.</param>
    /// <param name="weights">By lane.</param>
    /// <param name="projected">For the gate.</param>
    /// <param name="output">f32.</param>
    /// <param name="terms">Pairs of bf16 for pieces, which are then written instead.</param>
    /// <param name="row">The row of the step.</param>
    /// <param name="heads">Query heads.</param>
    /// <param name="head">The head.</param>
    /// <param name="dim">D.</param>
    /// <param name="columns">D-wide columns of a projected row.</param>
    /// <param name="firstColumn">The group's first.</param>
    /// <param name="termBlocks">Blocks of 32 along k of the pieces.</param>
    /// <param name="eightsShift">Eights of rows of a tile, as a power of two.</param>
    /// <param name="termCount">Terms of a number.</param>
    public static void Finish<TColumns, TForm>(
        ArrayView<float> sums,
        ArrayView<float> weights,
        ArrayView<float> projected,
        ArrayView<float> output,
        ArrayView<int> terms,
        int row,
        int heads,
        int head,
        int dim,
        int columns,
        int firstColumn,
        int termBlocks,
        int eightsShift,
        int termCount)
        where TColumns : struct, IColumnTile
        where TForm : struct, IRowForm
    {
        int thread = Group.IdxX;
        Group.Barrier();
        if (thread < TColumns.Columns)
        {
            float mixed = sums[thread], total = weights[0];
            for (int i = 1; i < Count; i++)
            {
                mixed += sums[(i * TColumns.Columns) + thread];
                total += weights[i];
            }

            int k = (head * dim) + firstColumn + thread;
            float gate = projected[((((long)row * columns) + (2 * head) + 1) * dim) + firstColumn + thread];
            float value = AttentionMath.Finish(mixed, total, gate);
            if (TForm.ArePieces)
            {
                RowTermPieces.StoreHalf(
                    terms, RowTermPieces.Place(row, k, termBlocks, eightsShift, termCount), eightsShift, termCount, value, Lanes.Xor(value, 1), (thread & 1) != 0);
            }
            else
            {
                output[((long)row * heads * dim) + k] = value;
            }
        }
    }
}
