using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// The delta rule for prompt rows on tensor cores, second of two: the walk from cell to cell, with what
/// <see cref="DeltaRuleCells"/> made of each. With S before the cell, transposed as it is held here:
/// uᵀ = (vᵀ − e^γ ⊙ Sᵀkᵀ) (T β)ᵀ, oᵀ = e^γ ⊙ Sᵀqᵀ + uᵀ Mᵀ, Sᵀ ← e^γ_C Sᵀ + (e^(γ_C − γ) ⊙ uᵀ) k.
/// Columns of S do not meet. A group has 32 of a head, 16 for each pair of warps: the first keeps Sᵀ in registers as f32,
/// solves for u and goes on to the next state; the second reads the outputs from what the first puts into shared memory. A
/// product's sums lie in registers as the next product's left side does. Every sum is one chain in ascending order.
/// </summary>
public static class DeltaRuleScan
{
    /// <summary>Threads of a group.</summary>
    public const int Threads = 128;

    /// <summary>Columns of a group.</summary>
    public const int Columns = 32;

    private const int Warps = Threads / 32;
    private const int OwnColumns = 16;
    private const int Cell = DeltaRuleLayout.Cell;
    private const int KeyDim = DeltaRuleLayout.KeyDim;
    private const int KeySteps = KeyDim / 16;
    private const int CellSteps = Cell / 16;
    private const int Eights = Cell / 8;

    // Sums: Sᵀ 16 × 128; then 16 × 64 twice: what S holds for the keys or the queries; u, or nothing.
    private const int State = 0;
    private const int Recalled = 64;
    private const int Solution = 96;
    private const int Sums = 128;

    /// <summary>Runs the cells that <see cref="DeltaRuleCells"/> has prepared, of every sequence.</summary>
    [Kernel("delta_rule_scan", Threads, groups: "S*Heads", groupsY: "Dv/32", Unroll = true)]
    [Cuda("sm_80", SharedBytes = ScanLayout.Bytes)]
    public static void Run(
        [Shape("T", "C")] ArrayView<float> convolved,
        [Shape("S", "4")] ArrayView<int> segments,
        [Shape("Cells", "KeyHeads", "8192")] ArrayView<float> keys,
        [Shape("Cells", "KeyHeads", "8192")] ArrayView<float> queries,
        [Shape("Cells", "Heads", "2560")] ArrayView<float> solving,
        [Shape("Cells", "Heads", "2560")] ArrayView<float> reading,
        [Shape("Cells", "Heads", "128")] ArrayView<float> gates,
        [Shape("Slots", "Heads", "128", "Dv")] ArrayView<float> state,
        [Shape("T", "Heads*Dv")] ArrayView<float> output,
        [Extent("C")] int channels,
        [Extent("Cells")] int cells,
        [Extent("KeyHeads")] int keyHeads,
        [Extent("Heads")] int heads,
        [Extent("Dv")] int valueDim,
        int firstCell)
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

        int lane = Group.IdxX & 31, warp = Lanes.First(Group.IdxX >> 5), head = Grid.IdxX % heads;
        int column = (Grid.IdxY * Columns) + ((warp & 1) * OwnColumns) + (lane >> 2);
        bool solves = warp < Warps / 2;
        uint memory = CudaShared.Base();
        uint states = memory + ScanLayout.StatesAt + (uint)(((warp & 1) * ScanLayout.StateBytes) + (lane * 16));
        uint solutions = memory + ScanLayout.SolutionsAt + (uint)(((warp & 1) * ScanLayout.SolutionBytes) + (lane * 16));
        long stateAt = ((((long)segment.Slot * heads) + head) * KeyDim * valueDim) + column;
        for (int i = 0; i < Sums / 4; i++)
        {
            Accumulators.Clear4(i * 4);
        }

        if (solves && (begin > 0 || segment.FirstPosition > 0))
        {
            LoadState(state, stateAt, valueDim, lane);
        }

        // Numbers of the prepared cells from here on: this sequence's first is at `prepared`.
        long prepared = segment.FirstCell + begin - firstCell;
        int keyHead = head / (heads / keyHeads);
        ScanCopies.BringKeys(memory, 0, keys, ((prepared * keyHeads) + keyHead) * DeltaRuleLayout.VectorWords, gates, ((prepared * heads) + head) * DeltaRuleLayout.GateWords);
        ScanCopies.BringTriangle(memory + ScanLayout.TriangleAt, solving, ((prepared * heads) + head) * DeltaRuleLayout.TriangleWords);
        long values = ((long)segment.Row * channels) + (2 * keyHeads * KeyDim) + ((long)head * valueDim) + column;
        CopyAsync.Commit();
        for (int cell = begin; cell < end; cell++)
        {
            int row = segment.Row + (cell * Cell), count = Math.Min(Cell, segment.Rows - (cell * Cell)), buffer = (cell - begin) & 1;
            long here = prepared + cell - begin, next = cell + 1 < end ? here + 1 : here;
            long vectors = ((here * keyHeads) + keyHead) * DeltaRuleLayout.VectorWords, triangles = ((here * heads) + head) * DeltaRuleLayout.TriangleWords;
            uint ownKeys = memory + (uint)(buffer * ScanLayout.KeyBytes), ownGates = memory + ScanLayout.GatesAt + (uint)(buffer * ScanLayout.GateBytes);
            if (solves)
            {
                for (int step = 0; step < KeySteps; step++)
                {
                    Share(State + (step * 8), states + (uint)(step * 2 * ScanLayout.PieceBytes));
                }
            }

            CopyAsync.Wait(0);
            Group.Barrier();
            ScanCopies.BringKeys(
                memory, buffer ^ 1, keys, ((next * keyHeads) + keyHead) * DeltaRuleLayout.VectorWords, gates, ((next * heads) + head) * DeltaRuleLayout.GateWords);
            CopyAsync.Commit();
            if (solves)
            {
                Solve(
                    convolved, values + ((long)cell * Cell * channels), channels, count, ownKeys, ownGates,
                    memory + ScanLayout.TriangleAt + (uint)(lane * 16), states, solutions, lane);
            }
            else
            {
                Recall(queries, vectors + lane, ownGates, states, lane);
            }

            Group.Barrier();
            ScanCopies.BringTriangle(memory + ScanLayout.TriangleAt, solving, ((next * heads) + head) * DeltaRuleLayout.TriangleWords);
            CopyAsync.Commit();
            if (solves)
            {
                Advance(ownKeys, ownGates, lane);
            }
            else
            {
                long outputs = (((long)row * heads) + head) * valueDim;
                Read(reading, triangles + lane, solutions, output, outputs + column, heads * valueDim, count, lane);
            }
        }

        CopyAsync.Wait(0);
        if (solves)
        {
            StoreState(state, stateAt, valueDim, lane);
        }
    }

    // Both terms of eight sums into shared memory, as a left side.
    private static void Share(int first, uint shared)
    {
        U4 high = SplitProducts.High(first);
        SharedWords.Store4(shared, high);
        SharedWords.Store4(shared + ScanLayout.PieceBytes, SplitProducts.Low(first, high));
    }

    private static void Solve(
        ArrayView<float> convolved, long values, int channels, int count, uint keys, uint gates, uint triangle, uint states, uint solutions, int lane)
    {
        for (int i = 0; i < Eights; i++)
        {
            Accumulators.Clear4(Recalled + (i * 4));
        }

        for (int step = 0; step < KeySteps; step++)
        {
            U4 high = SharedWords.Load4(states + (uint)(step * 2 * ScanLayout.PieceBytes)), low = SharedWords.Load4(states + (uint)(((step * 2) + 1) * ScanLayout.PieceBytes));
            var right = new U4[Eights];
            for (int i = 0; i < Eights; i++)
            {
                right[i] = WarpMatrix.Load(keys + DeltaRuleLayout.RightPlace(i * 8, lane, step, DeltaRuleLayout.ColumnBytes));
            }

            SplitProducts.Add(Recalled, 0, Eights, high, low, right);
        }

        for (int i = 0; i < Eights * 4; i++)
        {
            int position = Position(i, lane);
            float fade = SharedWords.Load(gates + (uint)(position * 4)), value = convolved[values + (Math.Min(position, count - 1) * channels) + ((i & 2) * 4)];
            Accumulators.Set(Recalled + i, Scalar.Fma(-fade, Accumulators.Get(Recalled + i), position < count ? value : 0f));
        }

        for (int i = 0; i < Eights; i++)
        {
            Accumulators.Clear4(Solution + (i * 4));
        }

        for (int step = 0; step < CellSteps; step++)
        {
            U4 high = SplitProducts.High(Recalled + (step * 8)), low = SplitProducts.Low(Recalled + (step * 8), high);
            var right = new U4[Eights];
            for (int i = 0; i < Eights; i++)
            {
                if (i >= step * 2)
                {
                    right[i] = WarpMatrix.Load(triangle + (uint)(DeltaRuleLayout.TrianglePiece(i, step) * ScanLayout.PieceBytes));
                }
            }

            SplitProducts.Add(Solution, step * 2, Eights, high, low, right);
        }

        for (int step = 0; step < CellSteps; step++)
        {
            Share(Solution + (step * 8), solutions + (uint)(step * 2 * ScanLayout.PieceBytes));
        }
    }

    private static void Recall(ArrayView<float> queries, long at, uint gates, uint states, int lane)
    {
        for (int i = 0; i < Eights; i++)
        {
            Accumulators.Clear4(Recalled + (i * 4));
        }

        for (int step = 0; step < KeySteps; step++)
        {
            U4 high = SharedWords.Load4(states + (uint)(step * 2 * ScanLayout.PieceBytes)), low = SharedWords.Load4(states + (uint)(((step * 2) + 1) * ScanLayout.PieceBytes));
            var right = new U4[Eights];
            for (int i = 0; i < Eights; i++)
            {
                right[i] = Pairs(queries, at + (((step * 2 * Eights) + i) * DeltaRuleLayout.MatrixWords), Eights * DeltaRuleLayout.MatrixWords, DeltaRuleLayout.TermBytes / 4);
            }

            SplitProducts.Add(Recalled, 0, Eights, high, low, right);
        }

        for (int i = 0; i < Eights * 4; i++)
        {
            Accumulators.Set(Recalled + i, SharedWords.Load(gates + (uint)(Position(i, lane) * 4)) * Accumulators.Get(Recalled + i));
        }
    }

    private static void Read(
        ArrayView<float> reading, long at, uint solutions, ArrayView<float> output, long outputs, int outputStride, int count, int lane)
    {
        for (int step = 0; step < CellSteps; step++)
        {
            U4 high = SharedWords.Load4(solutions + (uint)(step * 2 * ScanLayout.PieceBytes)), low = SharedWords.Load4(solutions + (uint)(((step * 2) + 1) * ScanLayout.PieceBytes));
            var right = new U4[Eights];
            for (int i = 0; i < Eights; i++)
            {
                if (i >= step * 2)
                {
                    right[i] = Pairs(
                        reading, at + (DeltaRuleLayout.TrianglePiece(i, step) * DeltaRuleLayout.PieceWords), DeltaRuleLayout.MatrixWords, 2 * DeltaRuleLayout.MatrixWords);
                }
            }

            SplitProducts.Add(Recalled, step * 2, Eights, high, low, right);
        }

        for (int i = 0; i < Eights * 4; i++)
        {
            int position = Position(i, lane);
            if (position < count)
            {
                output[outputs + (position * outputStride) + ((i & 2) * 4)] = Accumulators.Get(Recalled + i);
            }
        }
    }

    // A lane's words of four matrices: those of eight of k, of the next eight, and their second terms.
    private static U4 Pairs(ArrayView<float> matrices, long at, int next, int term)
    {
        var pairs = default(U4);
        pairs.X = Interop.FloatAsInt(matrices[at]);
        pairs.Y = Interop.FloatAsInt(matrices[at + next]);
        pairs.Z = Interop.FloatAsInt(matrices[at + term]);
        pairs.W = Interop.FloatAsInt(matrices[at + term + next]);
        return pairs;
    }

    private static void Advance(uint keys, uint gates, int lane)
    {
        float fade = SharedWords.Load(gates + ((Cell - 1) * 4));
        for (int i = 0; i < KeyDim / 2; i++)
        {
            Accumulators.Set(State + i, fade * Accumulators.Get(State + i));
        }

        for (int i = 0; i < Eights * 4; i++)
        {
            float rest = SharedWords.Load(gates + (uint)((Cell + Position(i, lane)) * 4));
            Accumulators.Set(Solution + i, rest * Accumulators.Get(Solution + i));
        }

        for (int step = 0; step < CellSteps; step++)
        {
            U4 high = SplitProducts.High(Solution + (step * 8)), low = SplitProducts.Low(Solution + (step * 8), high);
            for (int half = 0; half < 2; half++)
            {
                var right = new U4[Eights];
                for (int i = 0; i < Eights; i++)
                {
                    right[i] = WarpMatrix.LoadTransposed(keys + DeltaRuleLayout.TransposedPlace(step * 16, lane, (half * Eights) + i));
                }

                SplitProducts.Add(State + (half * Eights * 4), 0, Eights, high, low, right);
            }
        }
    }

    // Sᵀ's sum i is column lane / 4, eight more where i & 2, of dk's 8·(i / 4) + 2·(lane & 3) + (i & 1).
    private static void LoadState(ArrayView<float> state, long at, int valueDim, int lane)
    {
        for (int i = 0; i < KeyDim / 2; i++)
        {
            Accumulators.Set(State + i, state[at + (Position(i, lane) * valueDim) + ((i & 2) * 4)]);
        }
    }

    private static void StoreState(ArrayView<float> state, long at, int valueDim, int lane)
    {
        for (int i = 0; i < KeyDim / 2; i++)
        {
            state[at + (Position(i, lane) * valueDim) + ((i & 2) * 4)] = Accumulators.Get(State + i);
        }
    }

    // The column of a row of tiles 16 × 8 that a thread's sum i lies in.
    private static int Position(int i, int lane) => ((i >> 2) * 8) + ((lane & 3) * 2) + (i & 1);
}
