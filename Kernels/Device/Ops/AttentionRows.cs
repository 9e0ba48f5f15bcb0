using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// paged_attention, generated rows, on cards since Ampere: a group has up to eight query heads of one key/value head of one
/// row, and one span of its context, or a run of them (<see cref="AttentionRuns"/>). The products' left sides are 16 × 16: eight
/// heads' first terms (x ≈ hi + lo, bf16) above the eight's second terms, so that queries and weights go in with 16 bits and keys
/// and values come from shared memory once for both.
/// <para>
/// The order of a row and head: a score is four chains over d, of even and odd sixteens and of either term. A cell of 64
/// positions follows the other with an online softmax, and a span is what <see cref="AttentionRuns.SpanCells"/> says of the row's
/// own position. <see cref="AttentionJoin"/> adds spans; in long contexts four are joined one after the other, and
/// <see cref="AttentionRunsJoin"/> adds those runs. Nothing depends on other rows or on their number.
/// </para>
/// </summary>
public static class AttentionRows
{
    /// <summary>Query heads of a group.</summary>
    public const int Heads = 8;

    private const int Threads = AttentionCells.Threads;

    /// <summary>
    /// Mixes the values of each span: sums[l, head, span] = Σ weight · v, totals[l, head, span] = (largest score, Σ weight);
    /// the output itself where a row sees one span only.
    /// </summary>
    /// <param name="queries">f32.</param>
    /// <param name="projected">For the gates.</param>
    /// <param name="keys">bf16; the address is a multiple of 16, as that of the queries and values.</param>
    /// <param name="values">bf16.</param>
    /// <param name="segments">All of the step.</param>
    /// <param name="blocks">The cache blocks of each segment.</param>
    /// <param name="sums">Row l is row <paramref name="firstRow"/> + l of the step.</param>
    /// <param name="totals">Likewise.</param>
    /// <param name="output">f32.</param>
    /// <param name="terms">Pairs of bf16: for pieces (<see cref="RowTermPieces"/>), which are then written instead of the output.</param>
    /// <param name="sequences">S.</param>
    /// <param name="heads">Query heads.</param>
    /// <param name="kvHeads">Key/value heads.</param>
    /// <param name="columns">D-wide columns of a projected row.</param>
    /// <param name="spans">The most spans that a row may have.</param>
    /// <param name="blockStride">Elements from a segment's blocks to the next.</param>
    /// <param name="firstRow">The first of the rows.</param>
    /// <param name="headTiles">Groups that share a key/value head.</param>
    /// <param name="termBlocks">Blocks of 32 along k of the pieces.</param>
    /// <param name="eightsShift">Eights of rows of a tile, as a power of two.</param>
    /// <param name="termCount">Terms of a number.</param>
    [Kernel("paged_attention_rows", Threads, groups: "*", groupsY: "Spans", Unroll = true)]
    [Instance("columns64", typeof(ColumnTile64), typeof(NumberRows))]
    [Instance("columns128", typeof(ColumnTile128), typeof(NumberRows))]
    [Instance("columns256", typeof(ColumnTile256), typeof(NumberRows))]
    [Instance("columns64_pieces", typeof(ColumnTile64), typeof(PieceRows))]
    [Instance("columns128_pieces", typeof(ColumnTile128), typeof(PieceRows))]
    [Instance("columns256_pieces", typeof(ColumnTile256), typeof(PieceRows))]
    [Cuda("sm_80", SharedBytes = AttentionRowSums.SpanBytes, GroupsTogether = 2)]
    public static void Run<TColumns, TForm>(
        [Shape("T", "Heads", "D")] ArrayView<float> queries,
        [Shape("T", "P", "D")] ArrayView<float> projected,
        [Shape("B", "KvHeads", "D", "64")] ArrayView<ushort> keys,
        [Shape("B", "KvHeads", "64", "D")] ArrayView<ushort> values,
        [Shape("S", "4")] ArrayView<int> segments,
        [Shape("S", "M")] ArrayView<int> blocks,
        [Shape("L", "Heads", "Spans", "D")] ArrayView<float> sums,
        [Shape("L", "Heads", "Spans", "2")] ArrayView<float> totals,
        [Shape("T", "Heads", "D")] ArrayView<float> output,
        [Shape("N", "W")] ArrayView<int> terms,
        [Extent("S")] int sequences,
        [Extent("Heads")] int heads,
        [Extent("KvHeads")] int kvHeads,
        [Extent("P")] int columns,
        [Extent("Spans")] int spans,
        [RowStride("blocks")] int blockStride,
        int firstRow,
        int headTiles,
        int termBlocks,
        int eightsShift,
        int termCount)
        where TColumns : struct, IColumnTile
        where TForm : struct, IRowForm => AttentionRowSums.Attend<TColumns, TForm, SpanParts>(
            queries, projected, keys, values, segments, blocks, sums, totals, output, terms, sequences, heads, kvHeads, columns, spans, blockStride, firstRow, 0, 0, headTiles,
            termBlocks, eightsShift, termCount);

    /// <summary>
    /// The same on Hopper where groups are many: those of a row's first runs join their spans, so that sums[l, head, part] are of
    /// runs and of the spans behind them.
    /// </summary>
    /// <param name="queries">f32.</param>
    /// <param name="projected">For the gates.</param>
    /// <param name="keys">As above.</param>
    /// <param name="values">As above.</param>
    /// <param name="segments">All of the step.</param>
    /// <param name="blocks">The cache blocks of each segment.</param>
    /// <param name="sums">As above.</param>
    /// <param name="totals">Likewise.</param>
    /// <param name="output">f32.</param>
    /// <param name="terms">As above.</param>
    /// <param name="sequences">S.</param>
    /// <param name="heads">Query heads.</param>
    /// <param name="kvHeads">Key/value heads.</param>
    /// <param name="columns">D-wide columns of a projected row.</param>
    /// <param name="parts">The most parts that a row may have: the runs, then the spans.</param>
    /// <param name="blockStride">Elements from a segment's blocks to the next.</param>
    /// <param name="firstRow">The first of the rows.</param>
    /// <param name="runs">The most runs of a row that have a group each.</param>
    /// <param name="single">A row's last spans, which have a group each.</param>
    /// <param name="headTiles">Groups that share a key/value head.</param>
    /// <param name="termBlocks">Blocks of 32 along k of the pieces.</param>
    /// <param name="eightsShift">Eights of rows of a tile, as a power of two.</param>
    /// <param name="termCount">Terms of a number.</param>
    [Kernel("paged_attention_rows_runs", Threads, groups: "*", groupsY: "Parts", Unroll = true)]
    [Instance("columns64", typeof(ColumnTile64), typeof(NumberRows))]
    [Instance("columns128", typeof(ColumnTile128), typeof(NumberRows))]
    [Instance("columns256", typeof(ColumnTile256), typeof(NumberRows))]
    [Instance("columns64_pieces", typeof(ColumnTile64), typeof(PieceRows))]
    [Instance("columns128_pieces", typeof(ColumnTile128), typeof(PieceRows))]
    [Instance("columns256_pieces", typeof(ColumnTile256), typeof(PieceRows))]
    [Cuda("sm_90a", SharedBytes = AttentionRowSums.RunBytes, GroupsTogether = 2)]
    public static void Runs<TColumns, TForm>(
        [Shape("T", "Heads", "D")] ArrayView<float> queries,
        [Shape("T", "P", "D")] ArrayView<float> projected,
        [Shape("B", "KvHeads", "D", "64")] ArrayView<ushort> keys,
        [Shape("B", "KvHeads", "64", "D")] ArrayView<ushort> values,
        [Shape("S", "4")] ArrayView<int> segments,
        [Shape("S", "M")] ArrayView<int> blocks,
        [Shape("L", "Heads", "Parts", "D")] ArrayView<float> sums,
        [Shape("L", "Heads", "Parts", "2")] ArrayView<float> totals,
        [Shape("T", "Heads", "D")] ArrayView<float> output,
        [Shape("N", "W")] ArrayView<int> terms,
        [Extent("S")] int sequences,
        [Extent("Heads")] int heads,
        [Extent("KvHeads")] int kvHeads,
        [Extent("P")] int columns,
        [Extent("Parts")] int parts,
        [RowStride("blocks")] int blockStride,
        int firstRow,
        int runs,
        int single,
        int headTiles,
        int termBlocks,
        int eightsShift,
        int termCount)
        where TColumns : struct, IColumnTile
        where TForm : struct, IRowForm => AttentionRowSums.Attend<TColumns, TForm, RunParts>(
            queries, projected, keys, values, segments, blocks, sums, totals, output, terms, sequences, heads, kvHeads, columns, parts, blockStride, firstRow, runs, single, headTiles,
            termBlocks, eightsShift, termCount);
}
