using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// <see cref="DeltaRuleScan"/> with wgmma, on Hopper: with keys and queries of two terms the same sums in the same order, so the same bits; rounded ones have one. A group has 64 columns
/// of a head. The first four warps keep Sᵀ in registers, solve for u and go on to the next state; a step's left side is made
/// while the tensor cores are at the step before. The other four follow with the outputs and have the next cell brought.
/// The assembler lets products run on, one behind the other, only where nobody touches sums of any product meanwhile, where registers suffice for
/// all that is on the way, and where products of fewer sums have the first of them. So what is made meanwhile is made of copies, the state's terms are read
/// where both groups find them, and sums of a triangle's product have a cell's last positions first, which are in every step.
/// </summary>
public static class DeltaRuleWalk
{
    /// <summary>Columns of a group.</summary>
    public const int Columns = 64;

    /// <summary>Sums of a thread that <see cref="IWalkFormat{TElement}.StoreCell"/> leaves.</summary>
    internal const int OutputSums = Eights * 4;

    private const int Threads = 256;
    private const int Half = Threads / 2;
    private const int OwnColumns = 16;
    private const int Cell = DeltaRuleLayout.Cell;
    private const int KeyDim = DeltaRuleLayout.KeyDim;
    private const int KeySteps = KeyDim / 16;
    private const int CellSteps = Cell / 16;
    private const int Eights = Cell / 8;

    // Sums: Sᵀ 16 × 128 a warp; then 16 × 64, what S holds for the keys and then u, or what it holds for the queries. Of a triangle's product
    // eights of positions come from the last to the first.
    private const int State = 0;
    private const int Recalled = 64;
    private const int Solution = 64;

    // What one warp group tells the other: S is there, S is read, u is there, u is read; and where each meets alone.
    private const int StateThere = 1, StateRead = 2, SolutionThere = 3, SolutionRead = 4, Solvers = 5, Readers = 6;

    // Where steps and second terms begin, as descriptors count.
    private const int KeyStep = 2 * DeltaRuleLayout.ColumnBytes >> 4;
    private const int KeyTerm = DeltaRuleLayout.TermBytes >> 4;
    private const int PositionStep = 16 * 16 >> 4;
    private const int Piece = WalkLayout.PieceBytes >> 4;
    private const int Matrix = 128;

    /// <summary>Runs the cells that <see cref="DeltaRuleCells"/> has prepared, of every sequence.</summary>
    [Kernel("delta_rule_walk", Threads, groups: "S*Heads", groupsY: "Dv/64", Unroll = true)]
    [Instance("", typeof(SplitTerms), typeof(F32Row), typeof(float))]
    [Instance("rounded", typeof(SingleTerm), typeof(F32Row), typeof(float))]
    [Instance("rounded_bf16", typeof(SingleTerm), typeof(BF16Row), typeof(ushort))]
    [Cuda("sm_90a", SharedBytes = WalkLayout.Bytes)]
    public static void Run<TTerms, TFormat, TElement>(
        [Shape("T", "C")] ArrayView<TElement> convolved,
        [Shape("S", "4")] ArrayView<int> segments,
        [Shape("Cells", "KeyHeads", "8192")] ArrayView<float> keys,
        [Shape("Cells", "KeyHeads", "8192")] ArrayView<float> queries,
        [Shape("Cells", "Heads", "2560")] ArrayView<float> solving,
        [Shape("Cells", "Heads", "2560")] ArrayView<float> reading,
        [Shape("Cells", "Heads", "128")] ArrayView<float> gates,
        [Shape("Slots", "Heads", "128", "Dv")] ArrayView<float> state,
        [Shape("T", "Heads*Dv")] ArrayView<TElement> output,
        [Extent("C")] int channels,
        [Extent("Cells")] int cells,
        [Extent("KeyHeads")] int keyHeads,
        [Extent("Heads")] int heads,
        [Extent("Dv")] int valueDim,
        int firstCell)
        where TTerms : struct, IActivationTerms
        where TFormat : struct, IWalkFormat<TElement>
        where TElement : unmanaged
    {
        // The cells behind are prepared meanwhile, of what is there only now.
        DependentLaunch.Wait();
        DependentLaunch.Allow();
        var segment = DeltaRuleSegment.At(segments, Grid.IdxX / heads);
        int begin = Math.Max(firstCell - segment.FirstCell, 0), end = Math.Min(segment.Cells, firstCell + cells - segment.FirstCell);
        if (begin >= end)
        {
            return;
        }

        int lane = Group.IdxX & 31, warp = Lanes.First(Group.IdxX >> 5), head = Grid.IdxX % heads, keyHead = head / (heads / keyHeads);
        int firstColumn = Grid.IdxY * Columns, ownColumn = ((warp & 3) * OwnColumns) + (lane >> 2), column = firstColumn + ownColumn;
        uint memory = CudaShared.Base();
        if (Group.IdxX == 0)
        {
            for (int i = 0; i < 5; i++)
            {
                AsyncBarrier.Initialize(memory + (uint)(WalkLayout.BarriersAt + (i * 8)), i == 2 || i == 3 ? 1 + Half : 1);
            }

            AsyncBarrier.FenceInitialized();
        }

        Group.Barrier();

        // Numbers of the prepared cells from here on.
        long prepared = segment.FirstCell + begin - firstCell;
        if (warp < 4)
        {
            long stateAt = ((((long)segment.Slot * heads) + head) * KeyDim * valueDim) + column;
            for (int i = 0; i < KeyDim / 8; i++)
            {
                Accumulators.Clear4(State + (i * 4));
            }

            if (begin > 0 || segment.FirstPosition > 0)
            {
                for (int i = 0; i < KeyDim / 2; i++)
                {
                    Accumulators.Set(State + i, state[stateAt + (Position(i, lane) * valueDim) + ((i & 2) * 4)]);
                }
            }

            Advance<TTerms, TFormat, TElement>(memory, end - begin, warp, lane, ownColumn);
            for (int i = 0; i < KeyDim / 2; i++)
            {
                state[stateAt + (Position(i, lane) * valueDim) + ((i & 2) * 4)] = Accumulators.Get(State + i);
            }
        }
        else
        {
            int own = Group.IdxX - Half;
            long values = (((long)segment.Row + (begin * Cell)) * channels) + (2 * keyHeads * KeyDim) + ((long)head * valueDim) + firstColumn;
            if (own == 0)
            {
                WalkCopies.Bring<TTerms>(memory, 0, keys, solving, reading, gates, (prepared * keyHeads) + keyHead, (prepared * heads) + head);
                WalkCopies.BringQueries<TTerms>(memory, queries, (prepared * keyHeads) + keyHead);
            }

            WalkCopies.BringValues<TFormat, TElement>(memory, 0, convolved, values, channels, segment.Rows - (begin * Cell), own);
            for (int cell = 0; cell < end - begin; cell++)
            {
                int buffer = cell & 1, parity = (cell >> 1) & 1, rows = segment.Rows - ((begin + cell) * Cell);
                long next = prepared + cell + 1;
                bool goesOn = cell + 1 < end - begin;
                uint gatesAt = memory + (uint)(WalkLayout.GatesAt + (buffer * WalkLayout.GateBytes));

                // And nobody is at the cell before any more.
                WarpGroup.Await(StateThere);
                if (goesOn)
                {
                    if (own == 0)
                    {
                        WalkCopies.Bring<TTerms>(memory, buffer ^ 1, keys, solving, reading, gates, (next * keyHeads) + keyHead, (next * heads) + head);
                    }

                    WalkCopies.BringValues<TFormat, TElement>(memory, buffer ^ 1, convolved, values + ((long)(cell + 1) * Cell * channels), channels, rows - Cell, own);
                }

                AsyncBarrier.Wait(memory + WalkLayout.QueriesCome, cell & 1);
                Recall<TTerms>(memory, memory + WalkLayout.QueriesAt);
                AsyncBarrier.Wait(memory + (uint)(WalkLayout.KeysCome + (buffer * 8)), parity);
                WarpGroup.Wait(0);
                if (goesOn)
                {
                    WarpGroup.Let(StateRead);

                    // All four are done with the queries.
                    WarpGroup.Barrier(Readers);
                    if (own == 0)
                    {
                        WalkCopies.BringQueries<TTerms>(memory, queries, (next * keyHeads) + keyHead);
                    }
                }

                var recalled = new float[Eights * 4];
                for (int i = 0; i < Eights * 4; i++)
                {
                    recalled[i] = SharedWords.Load(gatesAt + (uint)(Position(i, lane) * 4)) * Accumulators.Get(Recalled + i);
                }

                for (int i = 0; i < Eights * 4; i++)
                {
                    Accumulators.Set(Recalled + FromLast(i), recalled[i]);
                }

                AsyncBarrier.Wait(memory + (uint)(WalkLayout.TrianglesCome + (buffer * 8)), parity);
                WarpGroup.Await(SolutionThere);
                Read(memory, buffer, warp, lane, goesOn);
                WarpGroup.Wait(0);
                TFormat.StoreCell(output, ((((long)segment.Row + ((begin + cell) * Cell)) * heads) + head) * valueDim, column, heads * valueDim, rows, lane);
            }
        }
    }

    private static void Advance<TTerms, TFormat, TElement>(uint memory, int cells, int warp, int lane, int ownColumn)
        where TTerms : struct, IActivationTerms
        where TFormat : struct, IWalkFormat<TElement>
        where TElement : unmanaged
    {
        uint states = memory + WalkLayout.StatesAt + DeltaRuleLayout.LeftPlace(warp * OwnColumns, lane, 0, DeltaRuleLayout.ColumnBytes);
        uint solutions = memory + (uint)(WalkLayout.SolutionsAt + (warp * WalkLayout.SolutionBytes) + (lane * 16));
        Share(states);
        for (int cell = 0; cell < cells; cell++)
        {
            int buffer = cell & 1, parity = (cell >> 1) & 1;
            uint keys = memory + (uint)(buffer * WalkLayout.KeyBytes), gates = memory + (uint)(WalkLayout.GatesAt + (buffer * WalkLayout.GateBytes));
            uint ownGates = gates + (uint)((lane & 3) * 8);
            AsyncBarrier.Wait(memory + (uint)(WalkLayout.KeysCome + (buffer * 8)), parity);
            Recall<TTerms>(memory, keys);
            AsyncBarrier.Wait(memory + (uint)(WalkLayout.TrianglesCome + (buffer * 8)), parity);
            uint values = memory + (uint)(WalkLayout.ValuesAt + (buffer * WalkLayout.ValueBytes) + ((lane & 3) * 2 * WalkLayout.ValueStride(TFormat.Size)) + TFormat.Word(ownColumn));
            var x = new float[Eights * 4];
            for (int i = 0; i < Eights * 4; i++)
            {
                int position = ((i >> 2) * 8) + (i & 1);
                x[i] = TFormat.LoadOne(values + (uint)((position * WalkLayout.ValueStride(TFormat.Size)) + ((i & 2) * 4 * TFormat.Size)), ownColumn);
            }

            WarpGroup.Wait(0);
            for (int i = 0; i < Eights * 4; i++)
            {
                x[i] = Scalar.Fma(-SharedWords.Load(ownGates + (uint)((((i >> 2) * 8) + (i & 1)) * 4)), Accumulators.Get(Recalled + i), x[i]);
            }

            long triangle = WarpGroup.Pieces(Matrix, WalkLayout.PieceBytes) | ((memory + (uint)(WalkLayout.SolvingAt + (buffer * WalkLayout.TriangleBytes))) >> 4);
            var high = new U4[CellSteps];
            var low = new U4[CellSteps];
            for (int step = 0; step < CellSteps; step++)
            {
                Split(x, high, low, step);
                WarpGroup.Fence();
                Add<SplitTerms>(Solution, Cell - (step * 16), high[step], low[step], triangle + (DeltaRuleLayout.TrianglePiece(Eights - 1, step) * Piece), 2 * Matrix >> 4, 0, step);
            }

            WarpGroup.Commit();
            float fade = SharedWords.Load(gates + ((Cell - 1) * 4));
            if (cell > 0)
            {
                WarpGroup.Await(SolutionRead);
            }

            WarpGroup.Wait(0);
            for (int i = 0; i < Eights; i++)
            {
                int first = Solution + FromLast(i * 4);
                SharedWords.Store4(solutions + (uint)(i * WalkLayout.PieceBytes), new U4
                {
                    X = Interop.FloatAsInt(Accumulators.Get(first)),
                    Y = Interop.FloatAsInt(Accumulators.Get(first + 1)),
                    Z = Interop.FloatAsInt(Accumulators.Get(first + 2)),
                    W = Interop.FloatAsInt(Accumulators.Get(first + 3)),
                });
            }

            WarpGroup.Let(SolutionThere);
            for (int i = 0; i < Eights * 4; i++)
            {
                x[i] = Scalar.Multiply(SharedWords.Load(ownGates + (uint)((Cell + ((i >> 2) * 8) + (i & 1)) * 4)), Accumulators.Get(Solution + FromLast(i)));
            }

            for (int i = 0; i < KeyDim / 2; i++)
            {
                Accumulators.Set(State + i, Scalar.Multiply(fade, Accumulators.Get(State + i)));
            }

            long byPositions = WarpGroup.Pieces(Matrix, DeltaRuleLayout.ColumnBytes) | (keys >> 4);
            for (int step = 0; step < CellSteps; step++)
            {
                Split(x, high, low, step);
                WarpGroup.Fence();
                Add<TTerms>(State, KeyDim, high[step], low[step], byPositions + (step * PositionStep), KeyTerm, 1, 1);
            }

            WarpGroup.Commit();
            WarpGroup.Wait(0);
            if (cell + 1 < cells)
            {
                WarpGroup.Await(StateRead);
                Share(states);
            }
        }
    }

    // Both terms of the state, for both warp groups' products.
    private static void Share(uint states)
    {
        for (int step = 0; step < KeySteps; step++)
        {
            U4 high = SplitProducts.High(State + (step * 8)), low = SplitProducts.Low(State + (step * 8), high);
            WarpMatrix.Store(states + (uint)(step * 2 * DeltaRuleLayout.ColumnBytes), high);
            WarpMatrix.Store(states + (uint)((step * 2 * DeltaRuleLayout.ColumnBytes) + DeltaRuleLayout.TermBytes), low);
        }

        CudaShared.FenceForAsync();
        WarpGroup.Let(StateThere);
        WarpGroup.Barrier(Solvers);
    }

    // A step's left side of eight numbers.
    private static void Split(float[] x, U4[] high, U4[] low, int step)
    {
        int i = step * 8;
        U4 first = SplitProducts.Pairs(x[i], x[i + 1], x[i + 2], x[i + 3]), second = SplitProducts.Pairs(x[i + 4], x[i + 5], x[i + 6], x[i + 7]);
        high[step] = new U4 { X = first.X, Y = first.Y, Z = second.X, W = second.Y };
        low[step] = new U4 { X = first.Z, Y = first.W, Z = second.Z, W = second.W };
    }

    // What S holds for the keys or the queries of a cell.
    private static void Recall<TTerms>(uint memory, uint vectors)
        where TTerms : struct, IActivationTerms
    {
        long states = WarpGroup.Pieces(DeltaRuleLayout.ColumnBytes, Matrix) | ((memory + WalkLayout.StatesAt) >> 4);
        long right = WarpGroup.Pieces(DeltaRuleLayout.ColumnBytes, Matrix) | (vectors >> 4);
        WarpGroup.Fence();
        for (int step = 0; step < KeySteps; step++)
        {
            int at = step * KeyStep;
            WarpGroup.Multiply(Recalled, Cell, states + at, right + at, step);
            WarpGroup.Multiply(Recalled, Cell, states + at + KeyTerm, right + at, 1);
            if (TTerms.Count == 2)
            {
                WarpGroup.Multiply(Recalled, Cell, states + at, right + at + KeyTerm, 1);
            }
        }

        WarpGroup.Commit();
    }

    private static void Read(uint memory, int buffer, int warp, int lane, bool goesOn)
    {
        uint solutions = memory + (uint)(WalkLayout.SolutionsAt + ((warp & 3) * WalkLayout.SolutionBytes) + (lane * 16));
        long triangle = WarpGroup.Pieces(Matrix, WalkLayout.PieceBytes) | ((memory + (uint)(WalkLayout.ReadingAt + (buffer * WalkLayout.TriangleBytes))) >> 4);
        var high = new U4[CellSteps];
        var low = new U4[CellSteps];
        for (int step = 0; step < CellSteps; step++)
        {
            uint from = solutions + (uint)(step * 2 * WalkLayout.PieceBytes);
            U4 first = Split(SharedWords.Load4(from)), second = Split(SharedWords.Load4(from + WalkLayout.PieceBytes));
            high[step] = new U4 { X = first.X, Y = first.Y, Z = second.X, W = second.Y };
            low[step] = new U4 { X = first.Z, Y = first.W, Z = second.Z, W = second.W };
        }

        if (goesOn)
        {
            WarpGroup.Let(SolutionRead);
        }

        WarpGroup.Fence();
        for (int step = 0; step < CellSteps; step++)
        {
            Add<SplitTerms>(Recalled, Cell - (step * 16), high[step], low[step], triangle + (DeltaRuleLayout.TrianglePiece(Eights - 1, step) * Piece), 2 * Matrix >> 4, 0, 1);
        }

        WarpGroup.Commit();
    }

    private static U4 Split(U4 four) =>
        SplitProducts.Pairs(Interop.IntAsFloat(four.X), Interop.IntAsFloat(four.Y), Interop.IntAsFloat(four.Z), Interop.IntAsFloat(four.W));

    // Products of terms, as SplitProducts adds them up; the right side has TTerms of them.
    private static void Add<TTerms>(int first, int columns, U4 high, U4 low, long right, int toSecondTerm, int byColumns, int accumulate)
        where TTerms : struct, IActivationTerms
    {
        WarpGroup.Multiply(first, columns, high, right, byColumns, accumulate);
        WarpGroup.Multiply(first, columns, low, right, byColumns, 1);
        if (TTerms.Count == 2)
        {
            WarpGroup.Multiply(first, columns, high, right + toSecondTerm, byColumns, 1);
        }
    }

    /// <summary>Which of the thread's sums is output <paramref name="i"/>, whose row is <see cref="Position"/>; those with the bit of 2 are of the eighth column on.</summary>
    internal static int OutputSum(int i) => Recalled + FromLast(i);

    // Where sum i of a row of tiles lies after a triangle's product, whose eights of positions come from the last to the first.
    private static int FromLast(int i) => ((Eights - 1 - (i >> 2)) * 4) + (i & 3);

    /// <summary>The column of a row of tiles 16 × 8 that a thread's sum <paramref name="i"/> lies in.</summary>
    internal static int Position(int i, int lane) => ((i >> 2) * 8) + ((lane & 3) * 2) + (i & 1);
}
