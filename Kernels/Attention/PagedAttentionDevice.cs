using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// Attention over a bf16 cache on a device. Where its matrix units take a call, each row class has its kernel there; else both
/// classes run on the portable kernels. Of those, segments of few rows run by spans of their context, so that one row alone
/// keeps a device busy; those of more rows run in tiles, which read a key once for many of them. Where a segment is
/// counted changes no bit: both follow one order. Each kernel passes over the segments of the other, since only the
/// device knows how long they are.
/// </summary>
internal sealed class PagedAttentionDevice(KernelStream stream, DType activations) : PagedAttention
{
    /// <summary>Rows of a segment up to which it runs by spans.</summary>
    private const int FewRows = 8;

    /// <summary>Blocks of a span, as the kernels have it.</summary>
    private const int SpanBlocks = 4;

    /// <summary>Bytes of spans that wait to be joined, before their segments are computed in several launches.</summary>
    private const long MostScratch = 32L << 20;

    private readonly AttentionUnits _units = new(stream, activations);

    private readonly LinearMatrixUnits _matrix = new(stream, activations == DType.BF16);

    private readonly RowPieces _pieces = new RowUnits(stream, activations == DType.BF16).Pieces;

    /// <inheritdoc/>
    public override DType CacheType => DType.BF16;

    /// <inheritdoc/>
    public override bool MakesTerms => stream.MatrixUnits == MatrixUnits.WarpGroup;

    private protected override void Launch(
        AttentionShape shape, Tensor queries, Tensor projected, Tensor keys, Tensor values, Tensor segments, Tensor blocks, Tensor output, Tensor terms,
        long promptRows)
    {
        long rows = queries.Shape[0], dim = shape.HeadDim;
        Tensor flat = output;
        var heads = new Shape(rows, shape.Heads, dim);
        (queries, output) = (queries.Reshape(heads), output.Reshape(heads));
        projected = projected.Reshape(new Shape(rows, 2 * (shape.Heads + shape.KvHeads), dim));
        bool generated = _units.TakesGenerated(shape, queries, projected, keys, values, output), prompts = _units.TakesPrompts(shape, queries, projected, keys, values, output);
        if (promptRows > 0 && prompts)
        {
            _units.Prompts(shape, queries, projected, keys, values, segments, blocks, output, terms, promptRows);
        }

        if ((promptRows > 0 && !prompts) || (promptRows < rows && !generated))
        {
            // Of all rows, since only the device knows where a segment lies; those of the other class are overwritten.
            Portable(shape, queries, projected, keys, values, segments, blocks, output);
        }

        bool asPieces = generated && RowPieces.AreFilled(flat.Shape[1]);
        if (promptRows < rows && generated)
        {
            PieceTarget target = _pieces.Target(asPieces && promptRows == 0 ? terms : default, flat, "paged_attention");
            _units.Generated(shape, queries, projected, keys, values, segments, blocks, output, target, promptRows);
        }

        if (!terms.IsEmpty && promptRows > 0 && !prompts)
        {
            _matrix.Split(flat.Rows(0, promptRows), terms);
        }
        else if (!terms.IsEmpty && promptRows == 0 && !asPieces)
        {
            _pieces.Split(flat, terms);
        }
    }

    private void Portable(
        AttentionShape shape, Tensor queries, Tensor projected, Tensor keys, Tensor values, Tensor segments, Tensor blocks, Tensor output)
    {
        long rows = queries.Shape[0], sequences = segments.Shape[0], dim = shape.HeadDim;

        // Every other segment has at least one row.
        long longest = rows - sequences + 1, few = long.Min(longest, FewRows);
        if (longest > FewRows)
        {
            Tiles(shape.HeadDim, queries, projected, keys, values, segments, blocks, output);
        }

        long spans = long.Max((blocks.Shape[1] + SpanBlocks - 1) / SpanBlocks, 1);
        long part = shape.Heads * spans * sizeof(float), slot = part * (dim + 2);
        long together = long.Clamp(MostScratch / (slot * few), 1, sequences);
        Tensor scratch = stream.Scratch(together * few * slot);
        for (long first = 0; first < sequences; first += together)
        {
            long count = long.Min(together, sequences - first), slots = count * few;
            var sums = new Tensor(DType.F32, new Shape(slots, shape.Heads, spans, dim), scratch.Address);
            var totals = new Tensor(DType.F32, new Shape(slots, shape.Heads, spans, 2), scratch.Address + (nint)sums.Bytes);
            Tensor some = segments.Rows(first, count);
            Spans(shape.Heads / shape.KvHeads, queries, projected, keys, values, some, blocks.Rows(first, count), sums, totals, output, (int)few);
            if (spans > 1)
            {
                PagedAttentionJoinLauncher.Launch(stream, projected, some, sums, totals, output, (int)few, FewRows);
            }
        }
    }

    private void Tiles(
        int dim, Tensor queries, Tensor projected, Tensor keys, Tensor values, Tensor segments, Tensor blocks, Tensor output)
    {
        if (dim <= 64)
        {
            PagedAttentionTilesColumns64Launcher.Launch(stream, queries, projected, keys, values, segments, blocks, output, FewRows);
        }
        else if (dim <= 128)
        {
            PagedAttentionTilesColumns128Launcher.Launch(stream, queries, projected, keys, values, segments, blocks, output, FewRows);
        }
        else
        {
            PagedAttentionTilesColumns256Launcher.Launch(stream, queries, projected, keys, values, segments, blocks, output, FewRows);
        }
    }

    private void Spans(
        int group, Tensor queries, Tensor projected, Tensor keys, Tensor values, Tensor segments, Tensor blocks,
        Tensor sums, Tensor totals, Tensor output, int few)
    {
        if (group <= 4)
        {
            PagedAttentionSpansHeads4Launcher.Launch(stream, queries, projected, keys, values, segments, blocks, sums, totals, output, few, FewRows);
        }
        else if (group <= 8)
        {
            PagedAttentionSpansHeads8Launcher.Launch(stream, queries, projected, keys, values, segments, blocks, sums, totals, output, few, FewRows);
        }
        else
        {
            PagedAttentionSpansHeads16Launcher.Launch(stream, queries, projected, keys, values, segments, blocks, sums, totals, output, few, FewRows);
        }
    }
}
