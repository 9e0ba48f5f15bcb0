using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// Attention on a card's matrix units: generated rows by spans of their context since Ampere (AttentionRows in
/// Kernels/Device has the order), prompt rows in tiles on Hopper (AttentionPrompt). What decides whether a call runs here is
/// the same for every number of rows.
/// </summary>
internal sealed class AttentionUnits(KernelStream stream)
{
    // As the kernels have them: query heads of a group, columns of a group that joins, queries of a tile, spans of a run.
    private const int RunSpans = 4, GroupHeads = 8, JoinColumns = 64, TileQueries = 128;

    // Runs of a group: more would leave groups of longer contexts behind.
    private const int MostRuns = 2;

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
    /// <param name="firstRow">The first generated row.</param>
    public void Generated(
        AttentionShape shape, in Tensor queries, in Tensor projected, in Tensor keys, in Tensor values, in Tensor segments, in Tensor blocks,
        in Tensor output, long firstRow)
    {
        long rows = queries.Shape[0];
        long spans = Spans(blocks.Shape[1]);
        int headTiles = ((shape.Heads / shape.KvHeads) + GroupHeads - 1) / GroupHeads, pieces = shape.KvHeads * headTiles;
        int groupSpans = GroupSpans((rows - firstRow) * pieces, spans);
        long parts = groupSpans == 1 ? spans : (spans + RunSpans - 1) / RunSpans;
        long slot = shape.Heads * parts * sizeof(float) * (shape.HeadDim + 2), together = long.Clamp(MostScratch / slot, 1, rows - firstRow);
        Tensor scratch = stream.Scratch(together * slot);
        for (long row = firstRow; row < rows; row += together)
        {
            long count = long.Min(together, rows - row);
            var sums = new Tensor(DType.F32, new Shape(count, shape.Heads, parts, shape.HeadDim), scratch.Address);
            var totals = new Tensor(DType.F32, new Shape(count, shape.Heads, parts, 2), scratch.Address + (nint)sums.Bytes);
            int groups = checked((int)(count * pieces * ((spans + groupSpans - 1) / groupSpans)));
            switch (shape.HeadDim)
            {
                case 64:
                    PagedAttentionRowsColumns64Launcher.Launch(stream, queries, projected, keys, values, segments, blocks, sums, totals, output, (int)row, headTiles, groupSpans, groups);
                    break;
                case 128:
                    PagedAttentionRowsColumns128Launcher.Launch(stream, queries, projected, keys, values, segments, blocks, sums, totals, output, (int)row, headTiles, groupSpans, groups);
                    break;
                default:
                    PagedAttentionRowsColumns256Launcher.Launch(stream, queries, projected, keys, values, segments, blocks, sums, totals, output, (int)row, headTiles, groupSpans, groups);
                    break;
            }

            if (spans > 1)
            {
                PagedAttentionRowsJoinLauncher.Launch(
                    stream, projected, segments, sums, totals, output, (int)row, groupSpans, checked((int)(count * shape.Heads * (shape.HeadDim / JoinColumns))));
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
    /// <param name="rows">Rows of prompts.</param>
    public void Prompts(
        AttentionShape shape, in Tensor queries, in Tensor projected, in Tensor keys, in Tensor values, in Tensor segments, in Tensor blocks,
        in Tensor output, long rows)
    {
        long tileRows = TileQueries / (shape.Heads / shape.KvHeads);
        int groups = checked((int)((rows + tileRows - 1) / tileRows * shape.KvHeads));
        switch (shape.HeadDim)
        {
            case 64:
                PagedAttentionPromptColumns64Launcher.Launch(stream, queries, projected, keys, values, segments, blocks, output, (int)rows, groups);
                break;
            case 128:
                PagedAttentionPromptColumns128Launcher.Launch(stream, queries, projected, keys, values, segments, blocks, output, (int)rows, groups);
                break;
            default:
                PagedAttentionPromptColumns256Launcher.Launch(stream, queries, projected, keys, values, segments, blocks, output, (int)rows, groups);
                break;
        }
    }

    // The most spans that a row has in so many blocks: of four blocks up to 4 and from 128 on, of two between.
    private static long Spans(long blocks) => blocks <= 4 ? 1 : long.Max((long.Min(blocks, 128) + 1) / 2, (blocks + 3) / 4);

    // Spans that a group computes: one, or whole runs where that leaves each multiprocessor, which holds two groups, one and a
    // half. It changes no bit.
    private int GroupSpans(long pieces, long spans)
    {
        int most = 1;
        for (int n = RunSpans; n <= MostRuns * RunSpans && pieces * ((spans + n - 1) / n) * 2 >= stream.Multiprocessors * 3L; n *= 2)
        {
            most = n;
        }

        return most;
    }

    private static bool IsAligned(in Tensor tensor) => tensor.Address % 16 == 0;
}
