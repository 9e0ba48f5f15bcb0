using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// add_rms_norm and the linear behind it for few generated rows of 2,048, on cards since Ampere: each group norms the rows for
/// itself, while its weights come, which takes less than a launch that norms them for all. A group has an even share of the
/// outputs and reads their weights in one stream (<see cref="RowStream"/>).
/// <para>
/// The bits are those of <see cref="AddRmsNormRow"/> and <see cref="LinearRowsFew"/>: a thread here has the numbers of two
/// threads there, and adds up each one's apart. Nobody may write what other groups still read, so the sum of residual and
/// delta goes to another place; group t writes row t's.
/// </para>
/// </summary>
public static class LinearRowsNormed
{
    /// <summary>The rows' width.</summary>
    public const int Width = RowNorm.Width;

    private const int Side = 16;
    private const int Eight = 8;
    private const int Parts = 2;

    // Of a row's terms: each row begins at other banks than the one before.
    private const int TermBytes = (Width / 32 * OneRow.BlockBytes) + 64;

    private const int SumBytes = RowNorm.SumBytes;
    private const int WeightBytes = RowStream.GroupBytes;

    /// <summary>
    /// kept[t] = residual[t] + delta[t]; normed[t] = kept[t] · rsqrt(mean(kept[t]²) + ε) · (1 + norm); output[t, n] =
    /// Σ_k normed[t, k] · weight[n, k]. Faults as in <see cref="AddRmsNorm"/>.
    /// </summary>
    /// <param name="residual">f32; all f32 rows begin at multiples of 16 bytes.</param>
    /// <param name="delta">f32, or empty.</param>
    /// <param name="norm">f32.</param>
    /// <param name="kept">f32, apart from the residual.</param>
    /// <param name="normed">f32, or empty where nobody else wants it.</param>
    /// <param name="faults">i32, or empty.</param>
    /// <param name="weight">bf16, its address a multiple of 16.</param>
    /// <param name="output">f32.</param>
    /// <param name="rows">T, one or two, and no more than groups.</param>
    /// <param name="outputs">N, at least as many as groups.</param>
    /// <param name="outputStride">Elements from a row to the next.</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="place">The norm's number.</param>
    [Kernel("linear_rows_normed", RowProducts.Threads, groups: "*", Unroll = true)]
    [Instance("", typeof(SplitTerms))]
    [Instance("rounded", typeof(SingleTerm))]
    [Cuda("sm_80", SharedBytes = WeightBytes + (2 * (TermBytes + SumBytes)), GroupsTogether = 3, KeepsRoom = true)]
    public static void UpToTwo<TTerms>(
        [Shape("T", "2048")] ArrayView<float> residual,
        [Shape("T", "2048", Optional = true)] ArrayView<float> delta,
        [Shape("2048")] ArrayView<float> norm,
        [Shape("T", "2048")] ArrayView<float> kept,
        [Shape("T", "2048", Optional = true)] ArrayView<float> normed,
        [Shape("T", Optional = true)] ArrayView<int> faults,
        [Shape("N", "2048")] ArrayView<ushort> weight,
        [Shape("T", "N")] ArrayView<float> output,
        [Extent("T")] int rows,
        [Extent("N")] int outputs,
        [RowStride("output")] int outputStride,
        float epsilon,
        int place)
        where TTerms : struct, IActivationTerms =>
        Work<UpToTwoRows, TTerms>(residual, delta, norm, kept, normed, faults, weight, output, rows, outputs, outputStride, epsilon, place);

    /// <summary>The same of three rows or four, on Hopper.</summary>
    [Kernel("linear_rows_normed_four", RowProducts.Threads, groups: "*", Unroll = true)]
    [Instance("", typeof(SplitTerms))]
    [Instance("rounded", typeof(SingleTerm))]
    [Cuda("sm_90a", SharedBytes = WeightBytes + (4 * (TermBytes + SumBytes)), GroupsTogether = 3, KeepsRoom = true)]
    public static void UpToFour<TTerms>(
        [Shape("T", "2048")] ArrayView<float> residual,
        [Shape("T", "2048", Optional = true)] ArrayView<float> delta,
        [Shape("2048")] ArrayView<float> norm,
        [Shape("T", "2048")] ArrayView<float> kept,
        [Shape("T", "2048", Optional = true)] ArrayView<float> normed,
        [Shape("T", Optional = true)] ArrayView<int> faults,
        [Shape("N", "2048")] ArrayView<ushort> weight,
        [Shape("T", "N")] ArrayView<float> output,
        [Extent("T")] int rows,
        [Extent("N")] int outputs,
        [RowStride("output")] int outputStride,
        float epsilon,
        int place)
        where TTerms : struct, IActivationTerms =>
        Work<UpToFourRows, TTerms>(residual, delta, norm, kept, normed, faults, weight, output, rows, outputs, outputStride, epsilon, place);

    private static void Work<TRows, TTerms>(
        ArrayView<float> residual,
        ArrayView<float> delta,
        ArrayView<float> norm,
        ArrayView<float> kept,
        ArrayView<float> normed,
        ArrayView<int> faults,
        ArrayView<ushort> weight,
        ArrayView<float> output,
        int rows,
        int outputs,
        int outputStride,
        float epsilon,
        int place)
        where TRows : struct, IRowCount
        where TTerms : struct, IActivationTerms
    {
        var x = new float[Eight];
        var w = new float[Eight];
        var next = new float[Eight];
        var added = new float[Eight];
        var terms = new uint[RowStream.Depth * 4];
        DependentLaunch.Allow();
        ArrayView<float> sums = SharedMemory.Allocate<float>(TRows.Most * RowProducts.Warps * Side);
        uint memory = CudaShared.Base(), write = RowStream.Write(memory), read = RowStream.Read(memory);
        uint split = memory + WeightBytes, squares = split + (uint)(TRows.Most * TermBytes);
        int lane = Group.IdxX & 31, warp = Group.IdxX >> 5;
        int first = RowStream.Begin(outputs, Grid.IdxX), last = RowStream.Begin(outputs, Grid.IdxX + 1);
        int begin = warp * RowStream.Depth, padded = rows <= 1 ? 1 : TRows.Most, rounds = TRows.Most / padded;

        // Weights are nobody's output: the first part may come while the kernel before this one still runs.
        long start = (long)Math.Min(first, outputs - 1) * Width;
        RowStream.Bring(write, 0, 0, Side, weight, start, last - first, begin, Width, isOnce: true);
        CopyAsync.Commit();
        RowNorm.Load(w, Parts, norm, 0);
        DependentLaunch.Wait();
        for (int t = 0; t < rows; t++)
        {
            long row = (long)t * Width;
            if (TRows.Most == 2)
            {
                RowNorm.Load(x, Parts, residual, row);
            }
            else if (t == 0)
            {
                RowNorm.Load(next, Parts, residual, row);
            }

            if (delta.Length > 0 && (TRows.Most == 2 || t == 0))
            {
                RowNorm.Load(added, Parts, delta, row);
            }

            if (t == 0)
            {
                // The second part behind the row's loads, which go first so, and before they are used, so that memory stays busy. Asked for before the wait, it
                // would delay it: the kernel before this one ends only when all that is on its way has come.
                RowStream.Bring(write, 1, 0, Side, weight, start, last - first, begin + RowStream.PartBlocks, Width, isOnce: true);
                CopyAsync.Commit();
            }

            if (TRows.Most > 2)
            {
                for (int i = 0; i < Eight; i++)
                {
                    x[i] = next[i];
                }
            }

            if (delta.Length > 0)
            {
                for (int i = 0; i < Eight; i++)
                {
                    x[i] += added[i];
                }
            }

            // Of three or four, the next row comes while this one's squares are added up. The second of two does not: a step of one row was 0.8 % slower with that code.
            if (TRows.Most > 2 && t + 1 < rows)
            {
                RowNorm.Load(next, Parts, residual, row + Width);
                if (delta.Length > 0)
                {
                    RowNorm.Load(added, Parts, delta, row + Width);
                }
            }

            float shrink = 1, sum = RowNorm.Squares(x, Parts, squares + (uint)(t * SumBytes), 1);
            if (!Scalar.IsFinite(sum))
            {
                // Where only the squares leave f32, those of the scaled values count.
                shrink = AddRmsNormRow.Small;
                sum = RowNorm.Squares(x, Parts, squares + (uint)((t * SumBytes) + (SumBytes / 2)), AddRmsNormRow.Small);
            }

            float scale = Scalar.Rsqrt((sum / Width) + (epsilon * shrink * shrink));
            if (Grid.IdxX == t)
            {
                RowNorm.Store(kept, row, x, Parts);
                if (Group.IdxX == 0 && faults.Length > 0)
                {
                    int before = delta.Length > 0 ? faults[t] : 0;
                    faults[t] = before == 0 && !Scalar.IsFinite(sum) ? place : before;
                }
            }

            for (int i = 0; i < Eight; i++)
            {
                x[i] = x[i] * shrink * scale * (1 + w[i]);
            }

            if (Grid.IdxX == t && normed.Length > 0)
            {
                RowNorm.Store(normed, row, x, Parts);
            }

            RowNorm.Split<TTerms>(split + (uint)(t * TermBytes), x, Parts);
        }

        Group.Barrier();

        // This lane's terms, for all outputs: of a row's terms each is a column. Columns past the end repeat the last row's and are not stored.
        uint own = split + (uint)((Math.Min(lane >> (TTerms.Count + 1), rows - 1) * TermBytes) + (begin * OneRow.BlockBytes) + ((lane & 3) * 16));
        own += (uint)(((lane >> 2) & (TTerms.Count - 1)) * (OneRow.BlockBytes / 2));
        for (int b = 0; b < RowStream.Depth; b++)
        {
            U4 block = CudaShared.Load4(own + (uint)(b * OneRow.BlockBytes));
            terms[b * 4] = block.X;
            terms[(b * 4) + 1] = block.Y;
            terms[(b * 4) + 2] = block.Z;
            terms[(b * 4) + 3] = block.W;
        }

        int left = 0, pending = first;
        for (int unit = first; unit < last; unit += Side)
        {
            Accumulators.Clear4(0);
            start = (long)Math.Min(unit + Side, outputs - 1) * Width;
            for (int part = 0; part < RowStream.Parts; part++)
            {
                RowStream.Ready();
                for (int b = 0; b < RowStream.PartBlocks; b++)
                {
                    RowStream.MultiplyTerms(0, read, part, b, RowStream.Words(terms, ((part * RowStream.PartBlocks) + b) * 4));
                }

                Lanes.Together();
                RowStream.Bring(write, part, 0, Side, weight, start, last - unit - Side, begin + (part * RowStream.PartBlocks), Width, isOnce: true);
                CopyAsync.Commit();
            }

            Leave<TTerms>(sums, ((left * RowProducts.Warps) + warp) * padded * Side, rows);
            left++;
            if (left == rounds || unit + Side >= last)
            {
                Group.Barrier();
                int ready = Math.Min(left * Side, last - pending);
                for (int i = Group.IdxX; i < ready * rows; i += RowProducts.Threads)
                {
                    int local = i % ready, t = i / ready;
                    int at = (((local / Side * RowProducts.Warps * padded) + t) * Side) + (local % Side);
                    output[((long)t * outputStride) + pending + local] = LinearRowsFew.Join<EightSlices>(sums, at, padded * Side);
                }

                Group.Barrier();
                pending += left * Side;
                left = 0;
            }
        }

        CopyAsync.Wait(0);
    }

    // This lane's sums, of outputs l / 4 and l / 4 + 8: both columns of row l & 3, or one each of two rows.
    private static void Leave<TTerms>(ArrayView<float> sums, int from, int rows)
        where TTerms : struct, IActivationTerms
    {
        int row = (Group.IdxX & 3) * (3 - TTerms.Count), at = from + (row * Side) + ((Group.IdxX & 31) >> 2);
        if (row < rows)
        {
            // Of one term the other kernels add none, which leaves no -0; an ordinary + 0 would be left out.
            sums[at] = TTerms.Count == 2 ? Accumulators.Get(0) + Accumulators.Get(1) : Scalar.Add(Accumulators.Get(0), 0f);
            sums[at + Eight] = TTerms.Count == 2 ? Accumulators.Get(2) + Accumulators.Get(3) : Scalar.Add(Accumulators.Get(2), 0f);
        }

        if (TTerms.Count == 1 && row + 1 < rows)
        {
            sums[at + Side] = Scalar.Add(Accumulators.Get(1), 0f);
            sums[at + Side + Eight] = Scalar.Add(Accumulators.Get(3), 0f);
        }
    }
}
