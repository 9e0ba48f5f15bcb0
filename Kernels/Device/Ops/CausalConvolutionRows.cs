using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// causal_convolution of four taps on cards since Ampere, for runs of rows: a group per 512 channels of 16 rows, a thread for four
/// neighbouring channels, which goes down the rows of a segment four at a time, the next four on their way, and reads each input once. As in
/// <see cref="CausalConvolution"/>, the thread at a segment's first row has all rows that reach back into the history, wherever they lie, and
/// replaces it; an output of f32 inputs has the same bits.
/// </summary>
public static class CausalConvolutionRows
{
    private const int Threads = 128;
    private const int Own = 4;
    private const int Rows = 16;
    private const int Together = 4;
    private const int Taps = 4;
    private const int Before = Taps - 1;
    private const int FirstRow = 0, Count = 1, FirstPosition = 2, Slot = 3, Columns = 4;

    /// <summary>As <see cref="CausalConvolution"/>; C is a multiple of 4, rows and weights lie at multiples of 16 bytes. Inputs and outputs may be bf16, the history f32 all the same: sums are then plain ones in f32, whose errors are far below the rounding.</summary>
    [Kernel("causal_convolution_rows", Threads, groups: "C/512", groupsY: "T/16", Unroll = true)]
    [Instance("", typeof(F32Row), typeof(float))]
    [Instance("bf16", typeof(BF16Row), typeof(ushort))]
    [Cuda("sm_80", GroupsTogether = 5)]
    public static void Run<TFormat, TElement>(
        [Shape("T", "C")] ArrayView<TElement> x,
        [Shape("C", "4")] ArrayView<float> weight,
        [Shape("Slots", "3", "C")] ArrayView<float> history,
        [Shape("S", "4")] ArrayView<int> segments,
        [Shape("T", "C")] ArrayView<TElement> output,
        [Extent("T")] int rows,
        [Extent("C")] int channels,
        [Extent("S")] int sequences,
        [RowStride("x")] int xStride)
        where TFormat : struct, IRowFormat<TElement>
        where TElement : unmanaged
    {
        // Arrays first: behind a branch they would not become registers.
        var line = new float[(Together + Before) * Own];
        var ahead = new U4[Together];
        var taps = new float[Taps * Own];
        var y = new float[Own];
        ArrayView<int> owners = SharedMemory.Allocate<int>(Rows);
        int firstRow = Grid.IdxY * Rows, endRow = Math.Min(firstRow + Rows, rows);
        FindOwners(owners, segments, sequences, firstRow, endRow);
        int c = ((Grid.IdxX * Threads) + Group.IdxX) * Own;
        if (c >= channels)
        {
            return;
        }

        for (int i = 0; i < Own; i++)
        {
            Take(taps, i * Taps, WideAccess.Load(ref weight[((long)c + i) * Taps]));
        }

        int row = firstRow;
        while (row < endRow)
        {
            // The group's rows of a segment; one that is nobody's is passed over.
            int owner = owners[row - firstRow], at = Math.Max(owner, 0) * Columns, first = segments[at + FirstRow], last = first + segments[at + Count];
            int next = owner < 0 ? row + 1 : Math.Min(last, endRow);
            bool isBegin = row == first, isFresh = segments[at + FirstPosition] == 0;
            int from = isBegin ? row : Math.Max(row, first + Before), to = isBegin ? Math.Max(next, Math.Min(first + Before, last)) : next;
            to = owner < 0 ? from : to;
            long past = ((long)segments[at + Slot] * Before * channels) + c;
            for (int r = 0; r < Before; r++)
            {
                var bits = default(U4);
                if (!isBegin)
                {
                    bits = TFormat.Load(x, ((long)Math.Min(from - Before + r, endRow - 1) * xStride) + c);
                }
                else if (!isFresh)
                {
                    bits = WideAccess.Load(ref history[past + ((long)r * channels)]);
                }

                Take(line, r * Own, bits);
            }

            if (from < to)
            {
                Load<TFormat, TElement>(ahead, x, from, to, xStride, c);
            }

            for (int n = from; n < to; n += Together)
            {
                for (int r = 0; r < Together; r++)
                {
                    Take(line, (Before + r) * Own, TFormat.Widen(ahead[r]));
                }

                Load<TFormat, TElement>(ahead, x, n + Together, to, xStride, c);
                for (int r = 0; r < Together; r++)
                {
                    for (int i = 0; i < Own; i++)
                    {
                        float sum = TFormat.IsRounded ? Plain(taps, line, i, r) : Precise(taps, line, i, r);
                        y[i] = sum * Scalar.Sigmoid(sum);
                    }

                    if (n + r < to)
                    {
                        TFormat.Store(output, ((long)(n + r) * channels) + c, y[0], y[1], y[2], y[3]);
                    }
                }

                for (int i = 0; i < Before * Own; i++)
                {
                    line[i] = line[(Together * Own) + i];
                }
            }

            if (isBegin && owner >= 0)
            {
                Keep<TFormat, TElement>(x, history, past, first, last - first, isFresh, channels, xStride, c);
            }

            row = next;
        }
    }

    private static float Precise(float[] taps, float[] line, int own, int row)
    {
        var sum = PreciseSum.Of(taps[own * Taps], line[(row * Own) + own]);
        for (int tap = 1; tap < Taps; tap++)
        {
            sum.Add(taps[(own * Taps) + tap], line[((row + tap) * Own) + own]);
        }

        return sum.Value;
    }

    private static float Plain(float[] taps, float[] line, int own, int row)
    {
        float sum = taps[own * Taps] * line[(row * Own) + own];
        for (int tap = 1; tap < Taps; tap++)
        {
            sum = Scalar.Fma(taps[(own * Taps) + tap], line[((row + tap) * Own) + own], sum);
        }

        return sum;
    }

    // The last three inputs, the oldest first: what is read from the history lies behind what is written.
    private static void Keep<TFormat, TElement>(
        ArrayView<TElement> x, ArrayView<float> history, long past, int first, int count, bool isFresh, int channels, int xStride, int c)
        where TFormat : struct, IRowFormat<TElement>
        where TElement : unmanaged
    {
        for (int i = 0; i < Before; i++)
        {
            var bits = default(U4);
            if (count + i >= Before)
            {
                bits = TFormat.Load(x, ((long)(first + count - Before + i) * xStride) + c);
            }
            else if (!isFresh)
            {
                bits = WideAccess.Load(ref history[past + ((long)(count + i) * channels)]);
            }

            WideAccess.Store(ref history[past + ((long)i * channels)], bits);
        }
    }

    // Past the end the last row comes again, for outputs that are not stored.
    private static void Load<TFormat, TElement>(U4[] to, ArrayView<TElement> x, int row, int end, int xStride, int c)
        where TFormat : struct, IRowFormat<TElement>
        where TElement : unmanaged
    {
        for (int r = 0; r < Together; r++)
        {
            to[r] = TFormat.LoadBits(x, ((long)Math.Min(row + r, end - 1) * xStride) + c);
        }
    }

    private static void Take(float[] to, int at, U4 bits)
    {
        to[at] = Interop.IntAsFloat(bits.X);
        to[at + 1] = Interop.IntAsFloat(bits.Y);
        to[at + 2] = Interop.IntAsFloat(bits.Z);
        to[at + 3] = Interop.IntAsFloat(bits.W);
    }

    private static void FindOwners(ArrayView<int> owners, ArrayView<int> segments, int sequences, int firstRow, int endRow)
    {
        if (Group.IdxX < Rows)
        {
            owners[Group.IdxX] = -1;
        }

        Group.Barrier();
        for (int s = Group.IdxX; s < sequences; s += Threads)
        {
            int first = segments[(s * Columns) + FirstRow], end = first + segments[(s * Columns) + Count];
            for (int row = Math.Max(first, firstRow); row < Math.Min(end, endRow); row++)
            {
                owners[row - firstRow] = s;
            }
        }

        Group.Barrier();
    }
}
