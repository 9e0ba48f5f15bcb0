using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// The delta rule for prompt rows on tensor cores, first of two: what cells of 64 positions need of nothing but their own
/// rows, all side by side. With γ_i = Σ_{p≤i} g_p inside the cell and D_ip = exp(γ_i − γ_p), for each value head
/// L_ip = β_i D_ip (k_i·k_p) below the diagonal, T = (I + L)⁻¹, M_ip = D_ip (q_i·k_p) up to it: T β and M, and the gates
/// e^γ_i and e^(γ_63 − γ_i). Keys and queries get their length, and in the rounded instance are one bf16 from then on. All of it goes into the layout of <see cref="DeltaRuleLayout"/>.
/// Rows past a sequence's end count as zeros whose gate is 1. A group has a cell and a key head, with all of its value heads.
/// Source: Yang et al. 2024, section 3.3 (the UT transform).
/// </summary>
public static class DeltaRuleCells
{
    private const int Threads = 256;

    // Eight values of all rows, and a row more: a warp that writes a row finds its pieces in different banks.
    private const int ColumnBytes = DeltaRuleLayout.ColumnBytes + 16;
    private const int TermBytes = KeyDim / 8 * ColumnBytes;
    private const int SharedBytes = 4 * TermBytes;
    private const int Cell = DeltaRuleLayout.Cell;
    private const int KeyDim = DeltaRuleLayout.KeyDim;
    private const int Warps = Threads / 32;
    private const int Eights = Cell / 8;
    private const int Together = 2;
    private const int QueriesAt = 2 * TermBytes;
    private const float NormEpsilon = 1e-6f;

    /// <summary>
    /// Prepares cells <paramref name="firstCell"/> and on, as many as the outputs hold. Those behind the first ones are prepared beside the walk over the cells before
    /// (<see cref="DependentLaunch"/>): it lets them start when all before it has ended, and they read nothing of it and write where it does not read.
    /// </summary>
    [Kernel("delta_rule_cells", Threads, groups: "Cells*KeyHeads", Unroll = true)]
    [Instance("", typeof(SplitTerms), typeof(F32Row), typeof(float))]
    [Instance("rounded", typeof(SingleTerm), typeof(F32Row), typeof(float))]
    [Instance("rounded_bf16", typeof(SingleTerm), typeof(BF16Row), typeof(ushort))]
    [Cuda("sm_80", SharedBytes = SharedBytes, GroupsTogether = 2)]
    public static void Run<TTerms, TFormat, TElement>(
        [Shape("T", "C")] ArrayView<TElement> convolved,
        [Shape("T", "Heads")] ArrayView<float> b,
        [Shape("T", "Heads")] ArrayView<float> a,
        [Shape("Heads")] ArrayView<float> decay,
        [Shape("Heads")] ArrayView<float> timeBias,
        [Shape("S", "4")] ArrayView<int> segments,
        [Shape("Cells", "KeyHeads", "8192")] ArrayView<float> keys,
        [Shape("Cells", "KeyHeads", "8192")] ArrayView<float> queries,
        [Shape("Cells", "Heads", "2560")] ArrayView<float> solving,
        [Shape("Cells", "Heads", "2560")] ArrayView<float> reading,
        [Shape("Cells", "Heads", "128")] ArrayView<float> gates,
        [Extent("C")] int channels,
        [Extent("KeyHeads")] int keyHeads,
        [Extent("Heads")] int heads,
        [Extent("S")] int sequences,
        [RowStride("b")] int bStride,
        [RowStride("a")] int aStride,
        int firstCell)
        where TTerms : struct, IActivationTerms
        where TFormat : struct, IRowFormat<TElement>
        where TElement : unmanaged
    {
        DependentLaunch.Allow();
        if (firstCell == 0)
        {
            DependentLaunch.Wait();
        }

        Prepare<TTerms, TFormat, TElement>(convolved, b, a, decay, timeBias, segments, keys, queries, solving, reading, gates, channels, keyHeads, heads, sequences, bStride, aStride, firstCell);
        if (firstCell > 0 && Grid.IdxX == Grid.DimX - 1)
        {
            // Nobody behind takes these cells' end for the end of all before them.
            DependentLaunch.Wait();
        }
    }

    private static void Prepare<TTerms, TFormat, TElement>(
        ArrayView<TElement> convolved,
        ArrayView<float> b,
        ArrayView<float> a,
        ArrayView<float> decay,
        ArrayView<float> timeBias,
        ArrayView<int> segments,
        ArrayView<float> keys,
        ArrayView<float> queries,
        ArrayView<float> solving,
        ArrayView<float> reading,
        ArrayView<float> gates,
        int channels,
        int keyHeads,
        int heads,
        int sequences,
        int bStride,
        int aStride,
        int firstCell)
        where TTerms : struct, IActivationTerms
        where TFormat : struct, IRowFormat<TElement>
        where TElement : unmanaged
    {
        ArrayView<float> bothGates = SharedMemory.Allocate<float>(Together * CellGates.Words);
        int prepared = Grid.IdxX / keyHeads, keyHead = Grid.IdxX % keyHeads, cell = firstCell + prepared;
        var segment = DeltaRuleSegment.Of(segments, sequences, cell);
        if (segment.Cells == 0)
        {
            return;
        }

        int lane = Group.IdxX & 31, warp = Lanes.First(Group.IdxX >> 5);
        int done = (cell - segment.FirstCell) * Cell, row = segment.Row + done, count = Math.Min(Cell, segment.Rows - done);
        uint memory = CudaShared.Base();

        // Two heads at a time, half of the threads for each where they work apart; of an odd number the last comes twice.
        int shared = heads / keyHeads, mine = Group.IdxX / (Threads / Together), thread = Group.IdxX % (Threads / Together);
        RawGates raw = CellGates.Bring(decay, timeBias, b, bStride, a, aStride, row, count, (keyHead * shared) + Math.Min(mine, shared - 1), thread);
        Normalise<TTerms, TFormat, TElement>(convolved, ((long)row * channels) + (keyHead * KeyDim), keyHeads * KeyDim, channels, count, memory, warp, lane);
        Group.Barrier();
        long vectors = (((long)prepared * keyHeads) + keyHead) * DeltaRuleLayout.VectorWords;
        Hand<TTerms>(memory, keys, queries, vectors);
        Multiply<TTerms>(memory, warp, lane);

        // Matrices take the place of keys and queries.
        ArrayView<float> ownGates = bothGates.SubView(mine * CellGates.Words, CellGates.Words);
        for (int pair = 0; pair < shared; pair += Together)
        {
            int firstHead = (keyHead * shared) + pair, most = Math.Min(Together, shared - pair), head = firstHead + Math.Min(mine, most - 1);
            long at = ((long)prepared * heads) + head;
            CellGates.Write(ownGates, thread, raw, count);
            raw = CellGates.Bring(decay, timeBias, b, bStride, a, aStride, row, count, (keyHead * shared) + Math.Min(pair + Together + mine, shared - 1), thread);
            for (int i = 0; i < most; i++)
            {
                ArrayView<float> itsGates = bothGates.SubView(i * CellGates.Words, CellGates.Words);
                if (warp < Warps / 2)
                {
                    WriteRows(memory + (uint)(i * UnitTriangle.Bytes), itsGates, warp, lane);
                }
                else
                {
                    WriteReading(reading, (((long)prepared * heads) + firstHead + i) * DeltaRuleLayout.TriangleWords, itsGates, warp & 3, lane);
                }
            }

            Group.Barrier();
            UnitTriangle.Invert(memory + (uint)(mine * UnitTriangle.Bytes), thread);
            for (int i = 0; i < most; i++)
            {
                ArrayView<float> itsGates = bothGates.SubView(i * CellGates.Words, CellGates.Words);
                long to = (((long)prepared * heads) + firstHead + i) * DeltaRuleLayout.TriangleWords;
                WriteSolving(solving, to, memory + (uint)(i * UnitTriangle.Bytes), itsGates, warp, lane);
            }

            if (thread < Cell && mine < most)
            {
                gates[(at * DeltaRuleLayout.GateWords) + thread] = CellGates.Fade(ownGates, thread);
                gates[(at * DeltaRuleLayout.GateWords) + Cell + thread] = CellGates.Between(ownGates, Cell - 1, thread);
            }
        }
    }

    // Rows of keys and queries, a warp's at a time, with length 1 and dk^-½, as two matrices of one term or two.
    private static void Normalise<TTerms, TFormat, TElement>(ArrayView<TElement> convolved, long queries, int toKeys, int channels, int count, uint memory, int warp, int lane)
        where TTerms : struct, IActivationTerms
        where TFormat : struct, IRowFormat<TElement>
        where TElement : unmanaged
    {
        for (int i = 0; i < 2 * Cell / Warps; i++)
        {
            bool isQuery = i >= Cell / Warps;
            int row = ((i % (Cell / Warps)) * Warps) + warp;
            long from = queries + (isQuery ? 0 : toKeys) + ((long)Math.Min(row, count - 1) * channels) + (lane * 4);
            U4 bits = TFormat.Load(convolved, from);
            float x = Interop.IntAsFloat(bits.X), y = Interop.IntAsFloat(bits.Y), z = Interop.IntAsFloat(bits.Z), w = Interop.IntAsFloat(bits.W);
            float squares = Scalar.Fma(x, x, Scalar.Fma(y, y, Scalar.Fma(z, z, w * w)));
            squares += Lanes.Xor(squares, 16);
            squares += Lanes.Xor(squares, 8);
            squares += Lanes.Xor(squares, 4);
            squares += Lanes.Xor(squares, 2);
            squares += Lanes.Xor(squares, 1);
            float scale = Scalar.Rsqrt(squares + NormEpsilon) * (isQuery ? Scalar.Rsqrt(KeyDim) : 1);
            bool exists = row < count;
            U4 terms = SplitProducts.Pairs(exists ? x * scale : 0, exists ? y * scale : 0, exists ? z * scale : 0, exists ? w * scale : 0);
            uint at = memory + (uint)(isQuery ? QueriesAt : 0) + DeltaRuleLayout.Place(row, lane >> 1, ColumnBytes) + (uint)((lane & 1) * 8);
            SharedWords.Store2(at, terms.X, terms.Y);
            if (TTerms.Count == 2)
            {
                SharedWords.Store2(at + TermBytes, terms.Z, terms.W);
            }
        }
    }

    private static void Hand<TTerms>(uint memory, ArrayView<float> keys, ArrayView<float> queries, long at)
        where TTerms : struct, IActivationTerms
    {
        for (int i = 0; i < DeltaRuleLayout.VectorWords / 8 * TTerms.Count / Threads; i++)
        {
            int chunk = Group.IdxX + (i * Threads);
            uint place = memory + DeltaRuleLayout.Place(chunk % Cell, chunk / Cell, ColumnBytes);
            WideAccess.Store(ref keys[at + (chunk * 4)], SharedWords.Load4(place));
            WideAccess.Store(ref queries[at + (chunk * 4)], SharedWords.Load4(place + QueriesAt));
        }
    }

    // Raw k·k in the first four warps, q·k in the others: 16 rows each, columns up to the diagonal.
    private static void Multiply<TTerms>(uint memory, int warp, int lane)
        where TTerms : struct, IActivationTerms
    {
        int sixteen = warp & 3;
        uint left = memory + (uint)(warp < Warps / 2 ? 0 : QueriesAt);
        for (int i = 0; i < Eights; i++)
        {
            Accumulators.Clear4(i * 4);
        }

        for (int step = 0; step < KeyDim / 16; step++)
        {
            uint at = left + DeltaRuleLayout.LeftPlace(sixteen * 16, lane, step, ColumnBytes);

            // Both terms come at once: where there is one, the second is nobody's, and not used.
            U4 high = WarpMatrix.Load(at), low = WarpMatrix.Load(at + TermBytes);
            for (int block = 0; block < Cell / 16; block++)
            {
                if (block <= sixteen)
                {
                    var right = new U4[2];
                    right[0] = WarpMatrix.Load(memory + DeltaRuleLayout.RightPlace(block * 16, lane, step, ColumnBytes));
                    right[1] = WarpMatrix.Load(memory + DeltaRuleLayout.RightPlace((block * 16) + 8, lane, step, ColumnBytes));
                    if (TTerms.Count == 2)
                    {
                        SplitProducts.Add(block * 8, 0, 2, high, low, right);
                    }
                    else
                    {
                        WarpMatrix.Multiply(block * 8, high, right[0].X, right[0].Y);
                        WarpMatrix.Multiply((block * 8) + 4, high, right[1].X, right[1].Y);
                    }
                }
            }
        }
    }

    // L, and zeros above it.
    private static void WriteRows(uint triangle, ArrayView<float> gates, int sixteen, int lane)
    {
        for (int i = 0; i < Eights * 4; i += 2)
        {
            int row = Row(i, sixteen, lane), column = Column(i, lane);
            float x = 0, y = 0;
            if (i / 8 <= sixteen)
            {
                float beta = CellGates.Beta(gates, row);
                x = beta * CellGates.Between(gates, row, column) * Accumulators.Get(i);
                y = beta * CellGates.Between(gates, row, column + 1) * Accumulators.Get(i + 1);
            }

            SharedWords.Store2(
                triangle + (uint)((row * UnitTriangle.RowBytes) + (column * 4)),
                Interop.FloatAsInt(column < row ? x : 0f), Interop.FloatAsInt(column + 1 < row ? y : 0f));
        }
    }

    // A thread's sums are where the right side wants them.
    private static void WriteReading(ArrayView<float> reading, long at, ArrayView<float> gates, int sixteen, int lane)
    {
        for (int step = 0; step < Cell / 16; step++)
        {
            if (step <= sixteen)
            {
                for (int half = 0; half < 2; half++)
                {
                    int piece = DeltaRuleLayout.TrianglePiece((sixteen * 2) + half, step), first = (step * 8) + (half * 2);
                    Leave(
                        reading, at + (piece * DeltaRuleLayout.PieceWords),
                        SplitProducts.Pairs(
                            Mixed(gates, first, sixteen, lane), Mixed(gates, first + 1, sixteen, lane),
                            Mixed(gates, first + 4, sixteen, lane), Mixed(gates, first + 5, sixteen, lane)),
                        lane);
                }
            }
        }
    }

    private static float Mixed(ArrayView<float> gates, int i, int sixteen, int lane)
    {
        int row = Row(i, sixteen, lane), column = Column(i, lane);
        float x = CellGates.Between(gates, row, column) * Accumulators.Get(i);
        return column <= row ? x : 0f;
    }

    // T with β on its columns; a warp has eight rows.
    private static void WriteSolving(ArrayView<float> solving, long at, uint triangle, ArrayView<float> gates, int eight, int lane)
    {
        uint row = triangle + (uint)(((eight * 8) + (lane >> 2)) * UnitTriangle.RowBytes);
        for (int step = 0; step < Cell / 16; step++)
        {
            if (step * 2 <= eight)
            {
                int column = (step * 16) + ((lane & 3) * 2);
                uint place = row + (uint)(column * 4);
                Leave(
                    solving, at + (DeltaRuleLayout.TrianglePiece(eight, step) * DeltaRuleLayout.PieceWords),
                    SplitProducts.Pairs(
                        SharedWords.Load(place) * CellGates.Beta(gates, column),
                        SharedWords.Load(place + 4) * CellGates.Beta(gates, column + 1),
                        SharedWords.Load(place + 32) * CellGates.Beta(gates, column + 8),
                        SharedWords.Load(place + 36) * CellGates.Beta(gates, column + 9)),
                    lane);
            }
        }
    }

    // What four lanes have of a row as a right side, exchanged so that each has eight numbers of one term that lie together.
    private static void Leave(ArrayView<float> triangle, long at, U4 terms, int lane)
    {
        bool isOdd = (lane & 1) != 0, isUpper = (lane & 2) != 0;
        uint x = Xor(isOdd ? terms.X : terms.Y, 1), z = Xor(isOdd ? terms.Z : terms.W, 1);
        uint a = isOdd ? x : terms.X, b = isOdd ? terms.Y : x, c = isOdd ? z : terms.Z, d = isOdd ? terms.W : z;
        uint first = Xor(isUpper ? a : c, 2), second = Xor(isUpper ? b : d, 2);
        var line = default(U4);
        line.X = isUpper ? first : a;
        line.Y = isUpper ? second : b;
        line.Z = isUpper ? c : first;
        line.W = isUpper ? d : second;
        WideAccess.Store(ref triangle[at + ((lane & 3) * DeltaRuleLayout.MatrixWords) + (lane >> 2 << 2)], line);
    }

    private static uint Xor(uint word, int mask) => Interop.FloatAsInt(Lanes.Xor(Interop.IntAsFloat(word), mask));

    private static int Row(int i, int sixteen, int lane) => (sixteen * 16) + ((i & 2) * 4) + (lane >> 2);

    private static int Column(int i, int lane) => ((i >> 2) * 8) + ((lane & 3) * 2) + (i & 1);
}
