using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// add_rms_norm, the router behind it and expert_router for up to eight generated rows of 2,048, on Hopper: a cluster for each row, whose
/// groups have sixteen experts each, or thirty-two. Each group norms the row for itself, multiplies it and sends its logits to
/// the first, which chooses. Weights come before the row is waited for.
/// <para>
/// The bits are those of <see cref="LinearRowsNormed"/> or <see cref="LinearRowsFew"/>, then <see cref="ExpertRouterWarp"/>: k is
/// cut into eight slices, a warp each. A row's first terms are a column of the tensor cores' product and its second ones the next.
/// </para>
/// </summary>
public static class RouterRows
{
    /// <summary>The most rows.</summary>
    public const int MostRows = 8;

    /// <summary>Groups of a row's cluster.</summary>
    public const int Groups = 16;

    private const int Threads = RowProducts.Threads;
    private const int Slices = RowProducts.Warps;
    private const int Width = RowNorm.Width;
    private const int Side = 16;
    private const int Eight = 8;

    // Of the row, those that a thread has.
    private const int Parts = 2;

    // Shared memory, in bytes: weights of sixteen outputs; those of an output that is no expert's; the row's terms; the
    // warps' sums of squares, and of the scaled values; products by slices; all logits.
    private const int TileBytes = Slices * RowStream.WarpBytes;
    private const int OtherBytes = Width * 2;
    private const int TermBytes = Width / 32 * OneRow.BlockBytes;
    private const int ProductBytes = Slices * Side * sizeof(float);
    private const int LineBytes = 256 * sizeof(float);
    private const int FewBytes = TileBytes + OtherBytes + TermBytes + RowNorm.SumBytes + ProductBytes + LineBytes + 16;
    private const int ManyBytes = FewBytes + TileBytes + ProductBytes + LineBytes;

    /// <summary>
    /// kept[t] = residual[t] + delta[t]; normed[t] = kept[t] · rsqrt(mean(kept[t]²) + ε) · (1 + norm); logits[t, n] = Σ_k
    /// normed[t, k] · weight[n, k]; the first E outputs are experts', of which the row chooses as <see cref="ExpertRouter.Run"/> says.
    /// </summary>
    /// <param name="residual">f32; all f32 rows begin at multiples of 16 bytes.</param>
    /// <param name="delta">f32, or empty.</param>
    /// <param name="norm">f32, or empty where the rows are normed: then they are multiplied as they are, and kept and normed are empty too.</param>
    /// <param name="kept">f32: the residual, or apart from it.</param>
    /// <param name="normed">f32.</param>
    /// <param name="faults">i32, or empty.</param>
    /// <param name="weight">bf16, its address a multiple of 16.</param>
    /// <param name="logits">f32.</param>
    /// <param name="experts">i32.</param>
    /// <param name="weights">f32.</param>
    /// <param name="rows">T, at most <see cref="MostRows"/>: a launch has <see cref="Groups"/> groups for each.</param>
    /// <param name="outputs">N: E, or one more.</param>
    /// <param name="topK">K, at most <see cref="RowChoice.MostChosen"/>.</param>
    /// <param name="stride">Elements from a row of logits to the next.</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="place">The norm's number.</param>
    /// <param name="count">E, at most 256.</param>
    /// <param name="renormalise">Not 0 where the weights are divided by their sum.</param>
    /// <param name="isInPlace">Not 0 where <paramref name="kept"/> is the residual.</param>
    [Kernel("router_rows_few", Threads, groups: "*", Unroll = true)]
    [Instance("", typeof(UpTo256Experts), Cluster = Groups)]
    [Cuda("sm_90a", SharedBytes = FewBytes, GroupsTogether = 2, KeepsRoom = true)]
    public static void Few<TExperts>(
        [Shape("T", "2048")] ArrayView<float> residual,
        [Shape("T", "2048", Optional = true)] ArrayView<float> delta,
        [Shape("2048", Optional = true)] ArrayView<float> norm,
        [Shape("T", "2048", Optional = true)] ArrayView<float> kept,
        [Shape("T", "2048", Optional = true)] ArrayView<float> normed,
        [Shape("T", Optional = true)] ArrayView<int> faults,
        [Shape("N", "2048")] ArrayView<ushort> weight,
        [Shape("T", "N")] ArrayView<float> logits,
        [Shape("T", "K")] ArrayView<int> experts,
        [Shape("T", "K")] ArrayView<float> weights,
        [Extent("T")] int rows,
        [Extent("N")] int outputs,
        [Extent("K")] int topK,
        [RowStride("logits")] int stride,
        float epsilon,
        int place,
        int count,
        int renormalise,
        int isInPlace)
        where TExperts : struct, IExpertLanes =>
        Run<TExperts>(residual, delta, norm, kept, normed, faults, weight, logits, experts, weights, outputs, topK, stride, epsilon, place, count, renormalise, isInPlace);

    /// <summary>The same of up to 512 experts.</summary>
    [Kernel("router_rows_many", Threads, groups: "*", Unroll = true)]
    [Instance("", typeof(UpTo512Experts), Cluster = Groups)]
    [Cuda("sm_90a", SharedBytes = ManyBytes, KeepsRoom = true)]
    public static void Many<TExperts>(
        [Shape("T", "2048")] ArrayView<float> residual,
        [Shape("T", "2048", Optional = true)] ArrayView<float> delta,
        [Shape("2048", Optional = true)] ArrayView<float> norm,
        [Shape("T", "2048", Optional = true)] ArrayView<float> kept,
        [Shape("T", "2048", Optional = true)] ArrayView<float> normed,
        [Shape("T", Optional = true)] ArrayView<int> faults,
        [Shape("N", "2048")] ArrayView<ushort> weight,
        [Shape("T", "N")] ArrayView<float> logits,
        [Shape("T", "K")] ArrayView<int> experts,
        [Shape("T", "K")] ArrayView<float> weights,
        [Extent("T")] int rows,
        [Extent("N")] int outputs,
        [Extent("K")] int topK,
        [RowStride("logits")] int stride,
        float epsilon,
        int place,
        int count,
        int renormalise,
        int isInPlace)
        where TExperts : struct, IExpertLanes =>
        Run<TExperts>(residual, delta, norm, kept, normed, faults, weight, logits, experts, weights, outputs, topK, stride, epsilon, place, count, renormalise, isInPlace);

    private static void Run<TExperts>(
        ArrayView<float> residual,
        ArrayView<float> delta,
        ArrayView<float> norm,
        ArrayView<float> kept,
        ArrayView<float> normed,
        ArrayView<int> faults,
        ArrayView<ushort> weight,
        ArrayView<float> logits,
        ArrayView<int> experts,
        ArrayView<float> weights,
        int outputs,
        int topK,
        int stride,
        float epsilon,
        int place,
        int count,
        int renormalise,
        int isInPlace)
        where TExperts : struct, IExpertLanes
    {
        var x = new float[Parts * 4];
        var w = new float[Parts * 4];
        var given = new float[TExperts.Lines * RowChoice.Line];
        DependentLaunch.Allow();
        int lane = Group.IdxX & 31, warp = Group.IdxX >> 5, rank = Grid.IdxX % Groups, first = rank * TExperts.Lines * Side;
        int row = Grid.IdxX / Groups;
        long line = (long)row * Width;
        uint memory = CudaShared.Base(), write = RowStream.Write(memory), read = RowStream.Read(memory);
        uint other = memory + (uint)(TExperts.Lines * TileBytes), terms = other + OtherBytes, squares = terms + TermBytes;
        uint products = squares + RowNorm.SumBytes, table = products + (uint)(TExperts.Lines * ProductBytes), come = table + (uint)(TExperts.Lines * LineBytes);
        bool hasOther = rank == Groups - 1 && outputs > count;
        if (Group.IdxX == 0)
        {
            AsyncBarrier.Initialize(come, 1);
            AsyncBarrier.FenceInitialized();
            AsyncBarrier.ArriveExpecting(come, count * sizeof(float));
        }

        // Who sends waits for it: by then all groups have begun, and can be told.
        if (isInPlace == 0)
        {
            Cluster.Arrive();
        }

        // Weights are nobody's output: they may come while the kernel before this one still runs. The last group has what is no expert's.
        int block = warp * RowStream.Depth;
        for (int tile = 0; tile < TExperts.Lines; tile++)
        {
            int from = first + (tile * Side);
            for (int part = 0; part < RowStream.Parts; part++)
            {
                RowStream.Bring(
                    write + (uint)(tile * TileBytes), part, 0, Side, weight, (long)Math.Min(from, count - 1) * Width, count - from, block + (part * RowStream.PartBlocks), Width);
            }
        }

        int k = Group.IdxX * Eight;
        CopyAsync.Sixteen(other + (uint)(k * 2), ref weight[((long)(outputs - 1) * Width) + k], hasOther ? 16 : 0);
        CopyAsync.Commit();
        if (norm.Length > 0)
        {
            RowNorm.Load(w, Parts, norm, 0);
        }

        DependentLaunch.Wait();
        RowNorm.Load(x, Parts, residual, line);
        if (delta.Length > 0)
        {
            RowNorm.Add(x, Parts, delta, line);
        }

        // Who writes over the row waits until all groups have read it.
        if (isInPlace != 0)
        {
            Cluster.Arrive();
        }

        if (norm.Length > 0)
        {
            int noted = 0;
            if (rank == 0)
            {
                if (isInPlace == 0)
                {
                    RowNorm.Store(kept, line, x, Parts);
                }

                if (Group.IdxX == 0 && faults.Length > 0 && delta.Length > 0)
                {
                    noted = faults[row];
                }
            }

            float shrink = 1, sum = RowNorm.Squares(x, Parts, squares, 1);
            if (!Scalar.IsFinite(sum))
            {
                // Where only the squares leave f32, those of the scaled values count.
                shrink = AddRmsNormRow.Small;
                sum = RowNorm.Squares(x, Parts, squares + (RowNorm.SumBytes / 2), AddRmsNormRow.Small);
            }

            float scale = Scalar.Rsqrt((sum / Width) + (epsilon * shrink * shrink));
            for (int i = 0; i < Parts * 4; i++)
            {
                x[i] = x[i] * shrink * scale * (1 + w[i]);
            }

            if (rank == 0)
            {
                RowNorm.Store(normed, line, x, Parts);
                if (Group.IdxX == 0 && faults.Length > 0)
                {
                    faults[row] = noted == 0 && !Scalar.IsFinite(sum) ? place : noted;
                }
            }
        }

        RowNorm.Split<SplitTerms>(terms, x, Parts);
        CopyAsync.Wait(0);
        Group.Barrier();

        // Two columns of eight count, the others are the same.
        uint own = terms + (uint)((block * OneRow.BlockBytes) + (((lane >> 2) & 1) * (OneRow.BlockBytes / 2)) + ((lane & 3) * 16));
        for (int tile = 0; tile < TExperts.Lines; tile++)
        {
            Accumulators.Clear4(tile * 4);
        }

        for (int part = 0; part < RowStream.Parts; part++)
        {
            for (int b = 0; b < RowStream.PartBlocks; b++)
            {
                U4 column = CudaShared.Load4(own + (uint)(((part * RowStream.PartBlocks) + b) * OneRow.BlockBytes));
                for (int tile = 0; tile < TExperts.Lines; tile++)
                {
                    RowStream.MultiplyTerms(tile * 4, read + (uint)(tile * TileBytes), part, b, column);
                }
            }
        }

        for (int tile = 0; tile < TExperts.Lines; tile++)
        {
            Leave(products + (uint)(tile * ProductBytes), tile * 4);
        }

        Group.Barrier();
        Cluster.Wait();
        if (Group.IdxX < TExperts.Lines * Side)
        {
            int expert = first + Group.IdxX;
            float logit = Join(products + (uint)((Group.IdxX / Side * ProductBytes) + (Group.IdxX % Side * sizeof(float))));
            if (expert < count)
            {
                Cluster.Send(table + (uint)(expert * sizeof(float)), logit, come, 0);
                logits[((long)row * stride) + expert] = logit;
            }
        }

        if (rank == 0 && isInPlace != 0)
        {
            // Once more, rather than in registers all the while.
            RowNorm.Load(x, Parts, residual, line);
            if (delta.Length > 0)
            {
                RowNorm.Add(x, Parts, delta, line);
            }

            RowNorm.Store(kept, line, x, Parts);
        }

        if (hasOther)
        {
            Group.Barrier();
            Accumulators.Clear4(0);
            for (int b = 0; b < RowStream.Depth; b++)
            {
                U4 column = CudaShared.Load4(own + (uint)(b * OneRow.BlockBytes)), all = CudaShared.Load4(other + (uint)(((block + b) * 64) + ((lane & 3) * 16)));
                WarpMatrix.Multiply(0, new U4 { X = all.X, Y = 0, Z = all.Y, W = 0 }, column.X, column.Y);
                WarpMatrix.Multiply(0, new U4 { X = all.Z, Y = 0, Z = all.W, W = 0 }, column.Z, column.W);
            }

            // Eight of the sixteen are the one, the others nothing.
            Leave(products, 0);
            Group.Barrier();
            if (Group.IdxX == 0)
            {
                logits[((long)row * stride) + count] = Join(products);
            }
        }

        if (warp == 0 && rank == 0)
        {
            AsyncBarrier.Wait(come, 0);
            for (int i = 0; i < TExperts.Lines * RowChoice.Line; i++)
            {
                given[i] = SharedWords.Load(table + (uint)(Math.Min(lane + (i * 32), count - 1) * sizeof(float)));
            }

            ChosenExpert chosen = RowChoice.Choose<TExperts>(SharedMemory.Allocate<int>(RowChoice.ListWords), given, count, topK, renormalise);
            if (lane < topK)
            {
                experts[((long)row * topK) + lane] = chosen.Expert;
                weights[((long)row * topK) + lane] = chosen.Weight;
            }
        }
    }

    // This warp's sums of sixteen outputs.
    private static void Leave(uint products, int sum)
    {
        int lane = Group.IdxX & 31;
        if ((lane & 3) == 0)
        {
            uint to = products + (uint)((((Group.IdxX >> 5) * Side) + (lane >> 2)) * sizeof(float));
            SharedWords.Store(to, Accumulators.Get(sum) + Accumulators.Get(sum + 1));
            SharedWords.Store(to + (Eight * sizeof(float)), Accumulators.Get(sum + 2) + Accumulators.Get(sum + 3));
        }
    }

    // The slices of an output, in their order.
    private static float Join(uint at)
    {
        float sum = SharedWords.Load(at);
        for (int slice = 1; slice < Slices; slice++)
        {
            sum += SharedWords.Load(at + (uint)(slice * Side * sizeof(float)));
        }

        return sum;
    }
}
