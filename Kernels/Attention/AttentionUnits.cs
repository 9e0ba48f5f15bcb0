using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// Attention on a card's matrix units: generated rows by spans of their context since Ampere (AttentionRows in
/// Kernels/Device has the order), prompt rows in tiles on Hopper (AttentionPrompt). What decides whether a call runs here is
/// the same for every number of rows. With bf16 activations queries and weights of prompts go in as one bf16 each, else as two.
/// </summary>
internal sealed class AttentionUnits(KernelStream stream, DType activations)
{
    // As the kernels have them: query heads of a group, groups of a multiprocessor, spans of a run, columns of a group that joins,
    // or all of them, queries of a tile.
    private const int GroupHeads = 8, GroupsTogether = 2, RunSpans = 4, JoinColumns = 64, WideColumns = 256, TileQueries = 128;

    // Blocks beyond which spans are of four blocks and a row has runs, as in Kernels/Device/Ops/AttentionRuns.cs.
    private const int LongBlocks = 32;

    // Spans with a group each, behind the runs, for a group that the card has at a time: while the last runs end, they fill it.
    private const int SingleSpans = 2;

    // Bytes of spans that wait to be joined, before their rows are computed in several launches.
    private const long MostScratch = 64L << 20;

    /// <summary>Whether generated rows run here.</summary>
    public bool TakesGenerated(AttentionShape shape, in Tensor queries, in Tensor projected, in Tensor keys, in Tensor values, in Tensor output) =>
        stream.MatrixUnits != MatrixUnits.None && shape.HeadDim is 64 or 128 or 256
        && IsAligned(queries) && IsAligned(projected) && IsAligned(keys) && IsAligned(values) && IsAligned(output);

    /// <summary>Whether prompt rows run here.</summary>
    public bool TakesPrompts(AttentionShape shape, in Tensor queries, in Tensor projected, in Tensor keys, in Tensor values, in Tensor output) =>
        stream.MatrixUnits == MatrixUnits.WarpGroup && shape.Heads / shape.KvHeads <= TileQueries
        && TakesGenerated(shape, queries, projected, keys, values, output);

    /// <summary>Attends for rows from <paramref name="firstRow"/> on.</summary>
    /// <param name="shape">The heads.</param>
    /// <param name="queries">f32 [T, Heads, D].</param>
    /// <param name="projected">f32 [T, P, D].</param>
    /// <param name="keys">The cache.</param>
    /// <param name="values">The cache.</param>
    /// <param name="segments">All of the step.</param>
    /// <param name="blocks">The cache blocks of each.</param>
    /// <param name="output">f32 [T, Heads, D].</param>
    /// <param name="target">Pieces that they go to instead, or none.</param>
    /// <param name="firstRow">The first generated row.</param>
    public void Generated(
        AttentionShape shape, in Tensor queries, in Tensor projected, in Tensor keys, in Tensor values, in Tensor segments, in Tensor blocks,
        in Tensor output, PieceTarget target, long firstRow)
    {
        long rows = queries.Shape[0];
        int headTiles = ((shape.Heads / shape.KvHeads) + GroupHeads - 1) / GroupHeads;
        (long runs, long single, long parts) = Parts((rows - firstRow) * shape.KvHeads * headTiles, blocks.Shape[1]);
        long slot = shape.Heads * parts * sizeof(float) * (shape.HeadDim + 2), together = long.Clamp(MostScratch / slot, 1, rows - firstRow);
        Tensor scratch = stream.Scratch(together * slot);
        for (long row = firstRow; row < rows; row += together)
        {
            long count = long.Min(together, rows - row);
            var sums = new Tensor(DType.F32, new Shape(count, shape.Heads, parts, shape.HeadDim), scratch.Address);
            var totals = new Tensor(DType.F32, new Shape(count, shape.Heads, parts, 2), scratch.Address + (nint)sums.Bytes);
            var launch = new AttentionRowLaunch(
                queries, projected, keys, values, segments, blocks, sums, totals, output, target, (int)row, blocks.Shape[1] > LongBlocks, (int)runs, (int)single);
            launch.Attend(stream, headTiles, checked((int)(count * shape.KvHeads * headTiles)));
            if (parts > 1)
            {
                long heads = count * shape.Heads;
                bool isWide = shape.HeadDim == WideColumns && heads > stream.Multiprocessors;
                launch.Join(stream, isWide, checked((int)(isWide ? heads : heads * (shape.HeadDim / JoinColumns))));
            }
        }
    }

    /// <summary>Attends for the first <paramref name="rows"/> rows.</summary>
    /// <param name="shape">The heads.</param>
    /// <param name="queries">f32 [T, Heads, D].</param>
    /// <param name="projected">f32 [T, P, D].</param>
    /// <param name="keys">The cache.</param>
    /// <param name="values">The cache.</param>
    /// <param name="segments">All of the step.</param>
    /// <param name="blocks">The cache blocks of each.</param>
    /// <param name="output">f32 [T, Heads, D].</param>
    /// <param name="terms">bf16 [R, P]: terms that they go to instead, or empty.</param>
    /// <param name="rows">Rows of prompts.</param>
    public void Prompts(
        AttentionShape shape, in Tensor queries, in Tensor projected, in Tensor keys, in Tensor values, in Tensor segments, in Tensor blocks,
        in Tensor output, in Tensor terms, long rows)
    {
        Tensor pairs = terms.IsEmpty ? new Tensor(DType.I32, new Shape(0, 0), output.Address) : LinearMatrixUnits.Pairs(terms);
        long tileRows = TileQueries / (shape.Heads / shape.KvHeads);
        if (segments.Shape[0] == queries.Shape[0])
        {
            // Rows of as many sequences have no keys in common: a group that has several goes through one context after the other.
            tileRows = long.Clamp(((rows * shape.KvHeads) + stream.Multiprocessors - 1) / stream.Multiprocessors, 1, tileRows);
        }

        int groups = checked((int)((rows + tileRows - 1) / tileRows * shape.KvHeads));
        Tensor keyRows = keys.Reshape(new Shape(keys.Shape[0] * shape.KvHeads * shape.HeadDim, keys.Shape[3]));
        Tensor valueRows = values.Reshape(new Shape(values.Shape[0] * shape.KvHeads * values.Shape[2], shape.HeadDim));
        switch (shape.HeadDim, activations)
        {
            case (64, DType.BF16):
                PagedAttentionPromptColumns64RoundedLauncher.Launch(stream, queries, projected, keyRows, valueRows, segments, blocks, output, pairs, (int)rows, shape.KvHeads, (int)tileRows, groups);
                break;
            case (128, DType.BF16):
                PagedAttentionPromptColumns128RoundedLauncher.Launch(stream, queries, projected, keyRows, valueRows, segments, blocks, output, pairs, (int)rows, shape.KvHeads, (int)tileRows, groups);
                break;
            case (_, DType.BF16):
                PagedAttentionPromptColumns256RoundedLauncher.Launch(stream, queries, projected, keyRows, valueRows, segments, blocks, output, pairs, (int)rows, shape.KvHeads, (int)tileRows, groups);
                break;
            case (64, _):
                PagedAttentionPromptColumns64Launcher.Launch(stream, queries, projected, keyRows, valueRows, segments, blocks, output, pairs, (int)rows, shape.KvHeads, (int)tileRows, groups);
                break;
            case (128, _):
                PagedAttentionPromptColumns128Launcher.Launch(stream, queries, projected, keyRows, valueRows, segments, blocks, output, pairs, (int)rows, shape.KvHeads, (int)tileRows, groups);
                break;
            default:
                PagedAttentionPromptColumns256Launcher.Launch(stream, queries, projected, keyRows, valueRows, segments, blocks, output, pairs, (int)rows, shape.KvHeads, (int)tileRows, groups);
                break;
        }
    }

    // The most spans that a row has in so many blocks: of four blocks up to 4 and beyond LongBlocks, of two between.
    private static long Spans(long blocks) => blocks <= 4 ? 1 : long.Max((long.Min(blocks, LongBlocks) + 1) / 2, (blocks + 3) / 4);

    // The most runs of a row with a group each, the spans behind them, and parts for both, also of a row whose last run is cut or
    // whose context has no runs; where groups are few, spans alone. It changes no bit.
    private (long Runs, long Single, long Parts) Parts(long groups, long blocks)
    {
        long spans = Spans(blocks);
        long single = ((SingleSpans * GroupsTogether * stream.Multiprocessors) + groups - 1) / groups;
        long runs = blocks > LongBlocks && stream.MatrixUnits == MatrixUnits.WarpGroup ? long.Max(spans - single, 0) / RunSpans : 0;
        return runs == 0 ? (0, spans, spans) : (runs, single, long.Max(runs + single + RunSpans - 1, Spans(LongBlocks)));
    }

    private static bool IsAligned(in Tensor tensor) => tensor.Address % 16 == 0;
}
