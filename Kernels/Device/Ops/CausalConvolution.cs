using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// causal_convolution: a group per 128 channels of 2 rows, a thread per channel. The thread at a segment's first row
/// also computes the other rows that reach back into the history, wherever they lie; so it alone reads the history of its
/// channel, and may replace it.
/// </summary>
public static class CausalConvolution
{
    private const int Threads = 128;
    private const int Rows = 2;
    private const int FirstRow = 0, Count = 1, FirstPosition = 2, Slot = 3, Source = 4, Pitch = 5;

    /// <summary>output[t, c] = silu(Σ_i weight[c, i] · x[t − W + 1 + i, c]), the oldest first.</summary>
    [Kernel("causal_convolution", Threads, groups: "C/128", groupsY: "T/2")]
    public static void Run(
        [Shape("T", "C")] ArrayView<float> x,
        [Shape("C", "W")] ArrayView<float> weight,
        [Shape("Slots", "Before", "C")] ArrayView<float> history,
        [Shape("S", "Columns")] ArrayView<int> segments,
        [Shape("T", "C")] ArrayView<float> output,
        [Extent("T")] int rows,
        [Extent("C")] int channels,
        [Extent("W")] int taps,
        [Extent("S")] int sequences,
        [Extent("Columns")] int columns,
        [RowStride("x")] int xStride)
    {
        ArrayView<int> owners = SharedMemory.Allocate<int>(Rows);
        int firstRow = Grid.IdxY * Rows, endRow = Math.Min(firstRow + Rows, rows);
        FindOwners(owners, segments, sequences, columns, firstRow, endRow);

        int c = (Grid.IdxX * Threads) + Group.IdxX;
        if (c < channels)
        {
            for (int row = firstRow; row < endRow; row++)
            {
                int segment = owners[row - firstRow];
                if (segment >= 0)
                {
                    Compute(x, weight, history, segments, output, segment * columns, columns > Source, row, channels, taps, xStride, c);
                }
            }
        }
    }

    /// <summary>A row of a segment and a channel, with what the thread at the segment's first row has to do for others.</summary>
    internal static void Compute(
        ArrayView<float> x, ArrayView<float> weight, ArrayView<float> history, ArrayView<int> segments, ArrayView<float> output,
        int segment, bool versioned, int row, int channels, int taps, int xStride, int c)
    {
        int first = segments[segment + FirstRow], count = segments[segment + Count], before = taps - 1;
        bool fresh = segments[segment + FirstPosition] == 0;
        int source = segments[segment + (versioned ? Source : Slot)];
        long past = ((long)source * before * channels) + c;
        int start = row - first;
        int end = start == 0 ? Math.Min(before, count) : start >= before ? start + 1 : start;
        for (int n = start; n < end; n++)
        {
            var sum = default(PreciseSum);
            for (int i = 0; i < taps; i++)
            {
                sum.Add(weight[((long)c * taps) + i], Input(x, history, first, n + i, before, past, fresh, xStride, channels, c));
            }

            float y = sum.Value;
            output[((long)(first + n) * channels) + c] = y * Scalar.Sigmoid(y);
        }

        if (start == 0)
        {
            // Whatever goes where the history is read from goes there last, and from the oldest entry on: those behind it are read later.
            int slot = segments[segment + Slot], kept = segments[segment + (versioned ? Pitch : Slot)], pitch = versioned ? kept : 0;
            int last = count - 1, inPlace = -1;
            for (int n = pitch > 0 ? 0 : last; n < count; n++)
            {
                if (slot + (n * pitch) == source)
                {
                    inPlace = n;
                }
                else
                {
                    Keep(x, history, first, n, before, past, ((long)(slot + (n * pitch)) * before * channels) + c, fresh, xStride, channels, c);
                }
            }

            if (inPlace >= 0)
            {
                Keep(x, history, first, inPlace, before, past, past, fresh, xStride, channels, c);
            }
        }
    }

    // The last inputs behind row n.
    private static void Keep(
        ArrayView<float> x, ArrayView<float> history, int first, int n, int before, long past, long target, bool fresh, int xStride, int channels, int c)
    {
        for (int i = 0; i < before; i++)
        {
            history[target + ((long)i * channels)] = Input(x, history, first, n + 1 + i, before, past, fresh, xStride, channels, c);
        }
    }

    // Entry n of the line that begins with the history and goes on with the segment's rows.
    private static float Input(
        ArrayView<float> x, ArrayView<float> history, int first, int n, int before, long past, bool fresh, int xStride, int channels, int c)
    {
        float value = 0;
        if (n >= before)
        {
            value = x[((long)(first + n - before) * xStride) + c];
        }
        else if (!fresh)
        {
            value = history[past + ((long)n * channels)];
        }

        return value;
    }

    private static void FindOwners(ArrayView<int> owners, ArrayView<int> segments, int sequences, int columns, int firstRow, int endRow)
    {
        if (Group.IdxX < Rows)
        {
            owners[Group.IdxX] = -1;
        }

        Group.Barrier();
        for (int s = Group.IdxX; s < sequences; s += Threads)
        {
            int first = segments[(s * columns) + FirstRow], end = first + segments[(s * columns) + Count];
            for (int row = Math.Max(first, firstRow); row < Math.Min(end, endRow); row++)
            {
                owners[row - firstRow] = s;
            }
        }

        Group.Barrier();
    }
}
