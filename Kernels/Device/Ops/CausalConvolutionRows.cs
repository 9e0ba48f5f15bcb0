using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// causal_convolution of four taps on cards since Ampere, for runs of rows: a group per 512 channels of 8 rows, a thread for
/// four neighbouring channels, which reads each input once. Rows near a segment's ends go the way of
/// <see cref="CausalConvolution"/>; an output has the same bits either way.
/// </summary>
public static class CausalConvolutionRows
{
    private const int Threads = 128;
    private const int Own = 4;
    private const int Rows = 8;
    private const int Taps = 4;
    private const int Before = Taps - 1;
    private const int FirstRow = 0, Count = 1, FirstPosition = 2, Slot = 3, Columns = 4;

    /// <summary>As <see cref="CausalConvolution"/>; C is a multiple of 4, and rows and weights lie at multiples of 16 bytes.</summary>
    [Kernel("causal_convolution_rows", Threads, groups: "C/512", groupsY: "T/8", Unroll = true)]
    [Cuda("sm_80", GroupsTogether = 5)]
    public static void Run(
        [Shape("T", "C")] ArrayView<float> x,
        [Shape("C", "4")] ArrayView<float> weight,
        [Shape("Slots", "3", "C")] ArrayView<float> history,
        [Shape("S", "4")] ArrayView<int> segments,
        [Shape("T", "C")] ArrayView<float> output,
        [Extent("T")] int rows,
        [Extent("C")] int channels,
        [Extent("S")] int sequences,
        [RowStride("x")] int xStride)
    {
        ArrayView<int> owners = SharedMemory.Allocate<int>(Rows);
        int firstRow = Grid.IdxY * Rows, endRow = Math.Min(firstRow + Rows, rows);
        FindOwners(owners, segments, sequences, firstRow, endRow);
        int c = (Grid.IdxX * Threads * Own) + (Group.IdxX * Own), segment = owners[0];
        if (c >= channels)
        {
            return;
        }

        // All rows of one segment, past its history or right behind all of it.
        int at = Math.Max(segment, 0) * Columns, start = firstRow - segments[at + FirstRow], count = segments[at + Count];
        bool isOne = segment >= 0 && segment == owners[endRow - 1 - firstRow];
        if (isOne && (start >= Before || (start == 0 && count >= Before)))
        {
            bool isFresh = segments[at + FirstPosition] == 0;
            long past = ((long)segments[at + Slot] * Before * channels) + c;
            Slide(x, weight, history, output, firstRow, endRow, channels, xStride, c, start == 0, isFresh, past);
            if (start == 0)
            {
                for (int i = 0; i < Before; i++)
                {
                    WideAccess.Store(ref history[past + ((long)i * channels)], WideAccess.Load(ref x[((long)(firstRow + count - Before + i) * xStride) + c]));
                }
            }
        }
        else
        {
            for (int row = firstRow; row < endRow; row++)
            {
                int owner = owners[row - firstRow];
                if (owner >= 0)
                {
                    for (int i = 0; i < Math.Min(Own, channels - c); i++)
                    {
                        CausalConvolution.Compute(x, weight, history, segments, output, owner * Columns, versioned: false, row, channels, Taps, xStride, c + i);
                    }
                }
            }
        }
    }

    private static void Slide(
        ArrayView<float> x, ArrayView<float> weight, ArrayView<float> history, ArrayView<float> output,
        int firstRow, int endRow, int channels, int xStride, int c, bool isBegin, bool isFresh, long past)
    {
        var line = new float[(Rows + Before) * Own];
        var taps = new float[Taps * Own];
        for (int r = 0; r < Rows + Before; r++)
        {
            // Past the end the last row comes again, for outputs that are not stored; before the first, the history or zeros.
            var bits = default(U4);
            if (r >= Before || !isBegin)
            {
                bits = WideAccess.Load(ref x[((long)Math.Min(firstRow - Before + r, endRow - 1) * xStride) + c]);
            }
            else if (!isFresh)
            {
                bits = WideAccess.Load(ref history[past + ((long)r * channels)]);
            }

            line[r * Own] = Interop.IntAsFloat(bits.X);
            line[(r * Own) + 1] = Interop.IntAsFloat(bits.Y);
            line[(r * Own) + 2] = Interop.IntAsFloat(bits.Z);
            line[(r * Own) + 3] = Interop.IntAsFloat(bits.W);
        }

        for (int i = 0; i < Own; i++)
        {
            U4 bits = WideAccess.Load(ref weight[((long)c + i) * Taps]);
            taps[i * Taps] = Interop.IntAsFloat(bits.X);
            taps[(i * Taps) + 1] = Interop.IntAsFloat(bits.Y);
            taps[(i * Taps) + 2] = Interop.IntAsFloat(bits.Z);
            taps[(i * Taps) + 3] = Interop.IntAsFloat(bits.W);
        }

        for (int r = 0; r < Rows; r++)
        {
            var y = new float[Own];
            for (int i = 0; i < Own; i++)
            {
                var sum = default(PreciseSum);
                for (int tap = 0; tap < Taps; tap++)
                {
                    sum.Add(taps[(i * Taps) + tap], line[((r + tap) * Own) + i]);
                }

                y[i] = sum.Value * Scalar.Sigmoid(sum.Value);
            }

            if (firstRow + r < endRow)
            {
                WideAccess.Store(ref output[((long)(firstRow + r) * channels) + c], y[0], y[1], y[2], y[3]);
            }
        }
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
