using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// The delta rule for prompt rows on a device. Where segments begin is known only there, so it is not checked here. On matrix
/// units it runs in two launches, what each cell needs of its own rows and then the walk from cell to cell
/// (DeltaRuleCells and DeltaRuleScan or, on Hopper, DeltaRuleWalk in Kernels/Device), for a bounded number of cells at a time: what the first leaves for
/// the second is as large as the rows themselves. The state between them is the sequence's own, so no cut changes a bit. A walk has a group for some
/// columns of a head and leaves much of a large card idle, so the next cells are prepared beside it, in memory of their own. With bf16 activations
/// keys and queries of DeltaRuleWalk and of its cells are one bf16 each (<see cref="RoundedActivations"/>), and its rows may be bf16; DeltaRuleScan's stay two and f32.
/// </summary>
internal sealed class ChunkedDeltaRuleDevice(KernelStream stream, DType activations) : GatedDeltaRule
{
    // As in Kernels/Device/Ops/DeltaRuleLayout.cs.
    private const int KeyDim = 128;
    private const long VectorWords = 8192;
    private const long TriangleWords = 2560;
    private const long GateWords = 128;

    // Of a group's columns, on Hopper twice as many.
    private const int Columns = 32;

    /// <summary>Cells that are prepared at a time at most.</summary>
    internal const long MostCells = 64;

    // Of one sequence: nothing runs beside the first cells and no cells beside the last walk, so they are few, and fewer where that is more of the whole; but each walk has a
    // beginning and an end.
    private const long FewCells = 16, ManyCells = 32, Long = 64;

    public override bool TakesRounded(DeltaRuleShape shape) => activations == DType.BF16 && shape.KeyDim == KeyDim && Walks(shape);

    public override long EarlyRows(DeltaRuleShape shape, Tensor convolved, long sequences, long segmentRows)
    {
        long cells = Cells(segmentRows, sequences), most = Most(cells, sequences), last = (cells - 1) / most * most;

        // Each sequence before a row's may have ended inside a cell, and so moves it on by less than one.
        return IsOnUnits(shape, convolved) && Walks(shape) ? long.Clamp((last * Grid.Cell) - ((Grid.Cell - 1) * (sequences - 1)), 0, segmentRows - 1) : 0;
    }

    private protected override void Launch(
        DeltaRuleShape shape, Tensor convolved, Tensor b, Tensor a, Tensor decay, Tensor timeBias, Tensor state, Tensor segments, Tensor output, long segmentRows)
    {
        bool isRounded = convolved.Type == DType.BF16;
        LaunchCheck.That(!isRounded || (IsOnUnits(shape, convolved) && output.Address % 16 == 0), "gated_delta_rule", "bf16 rows at multiples of 16 bytes");
        if (!IsOnUnits(shape, convolved))
        {
            ChunkedDeltaRuleLauncher.Launch(stream, convolved, b, a, decay, timeBias, state, segments, output, shape.KeyHeads);
            return;
        }

        long sequences = segments.Shape[0], cells = Cells(segmentRows, sequences), most = Most(cells, sequences);
        long ofKeys = most * shape.KeyHeads * VectorWords, ofTriangles = most * shape.ValueHeads * TriangleWords, ofGates = most * shape.ValueHeads * GateWords;
        long bytes = ((2 * (ofKeys + ofTriangles)) + ofGates) * sizeof(float);
        nint memory = stream.Scratch(cells > most ? 2 * bytes : bytes).Address;
        for (long first = 0; first < cells; first += most)
        {
            long count = long.Min(most, cells - first);
            nint at = memory + (nint)(first / most % 2 * bytes);
            Tensor keys = Take(ref at, new Shape(count, shape.KeyHeads, VectorWords)), queries = Take(ref at, new Shape(count, shape.KeyHeads, VectorWords));
            Tensor solving = Take(ref at, new Shape(count, shape.ValueHeads, TriangleWords)), reading = Take(ref at, new Shape(count, shape.ValueHeads, TriangleWords));
            Tensor gates = Take(ref at, new Shape(count, shape.ValueHeads, GateWords));
            switch (Walks(shape), activations)
            {
                case (true, DType.BF16) when isRounded:
                    DeltaRuleCellsRoundedBf16Launcher.Launch(stream, convolved, b, a, decay, timeBias, segments, keys, queries, solving, reading, gates, (int)first);
                    DeltaRuleWalkRoundedBf16Launcher.Launch(stream, convolved, segments, keys, queries, solving, reading, gates, state, output, (int)first);
                    break;
                case (true, DType.BF16):
                    DeltaRuleCellsRoundedLauncher.Launch(stream, convolved, b, a, decay, timeBias, segments, keys, queries, solving, reading, gates, (int)first);
                    DeltaRuleWalkRoundedLauncher.Launch(stream, convolved, segments, keys, queries, solving, reading, gates, state, output, (int)first);
                    break;
                case (true, _):
                    DeltaRuleCellsLauncher.Launch(stream, convolved, b, a, decay, timeBias, segments, keys, queries, solving, reading, gates, (int)first);
                    DeltaRuleWalkLauncher.Launch(stream, convolved, segments, keys, queries, solving, reading, gates, state, output, (int)first);
                    break;
                default:
                    DeltaRuleCellsLauncher.Launch(stream, convolved, b, a, decay, timeBias, segments, keys, queries, solving, reading, gates, (int)first);
                    DeltaRuleScanLauncher.Launch(stream, convolved, segments, keys, queries, solving, reading, gates, state, output, (int)first);
                    break;
            }
        }
    }

    // Each sequence may end inside a cell, so this is how many there can be.
    private static long Cells(long rows, long sequences) => (rows + ((Grid.Cell - 1) * sequences)) / Grid.Cell;

    // Walks of several sequences leave less of a card idle.
    private static long Most(long cells, long sequences) => long.Min(cells, long.Min((cells <= Long * sequences ? FewCells : ManyCells) * sequences, MostCells));

    private bool IsOnUnits(DeltaRuleShape shape, in Tensor convolved) =>
        stream.MatrixUnits != MatrixUnits.None && shape.KeyDim == KeyDim && shape.ValueDim % Columns == 0 && IsAligned(convolved);

    private bool Walks(DeltaRuleShape shape) => stream.MatrixUnits == MatrixUnits.WarpGroup && shape.ValueDim % (2 * Columns) == 0;

    private static Tensor Take(ref nint at, Shape shape)
    {
        var taken = new Tensor(DType.F32, shape, at);
        at += (nint)(shape.Count * sizeof(float));
        return taken;
    }

    // Copies are of 16 bytes.
    private static bool IsAligned(in Tensor rows) => rows.Address % 16 == 0 && rows.Shape[1] * rows.Type.Size() % 16 == 0;
}
