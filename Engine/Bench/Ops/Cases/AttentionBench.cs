using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>
/// Attention over a paged cache. Generated rows: a sequence each, at one context. Prompt rows: one sequence from its
/// beginning. The blocks lie in no order, as a pool that has been in use for a while hands them out. Where all rows'
/// caches would be more than what rotates anyway, sequences share blocks, far apart in time.
/// </summary>
internal sealed class AttentionBench : OpBench
{
    // Queries and weights of a prompt may be rounded with its activations: as in Kernels/SelfTest.
    private const double RoundedPrompt = 3e-3;

    private readonly AttentionShape _heads;
    private readonly int _context, _cacheBytes, _sequences, _width, _turns, _keys, _values, _queries, _projected, _segments, _blocks, _y;
    private readonly int[] _order;

    /// <param name="heads">The heads.</param>
    /// <param name="context">Positions that a generated row attends to.</param>
    /// <param name="cache">The element type of the cache.</param>
    /// <param name="rows">T.</param>
    /// <param name="rowClass">The rows' class.</param>
    /// <param name="rotation">Bytes of cache that take turns.</param>
    public AttentionBench(AttentionShape heads, int context, DType cache, int rows, RowClass rowClass, long rotation)
        : base("paged_attention", $"{heads.Heads}/{heads.KvHeads} heads of {heads.HeadDim}, {(rowClass == RowClass.Prompt ? "from position 0" : $"context {context}")}", rows, rowClass)
    {
        bool prompt = rowClass == RowClass.Prompt;
        (_heads, _context, _cacheBytes, _sequences) = (heads, prompt ? rows : context, cache.Size(), prompt ? 1 : rows);
        _width = Grid.CellsFor(_context);
        long perTurn = (long)_sequences * _width, size = heads.KeyCache(1).Count * _cacheBytes * 2;
        int blocks = (int)long.Max(_width, (rotation + size - 1) / size);
        _turns = (int)long.Min(Turns.Count(perTurn), long.Max(1, blocks / perTurn));
        (_keys, _values) = (Fixed.Add(cache, heads.KeyCache(blocks)), Fixed.Add(cache, heads.ValueCache(blocks)));
        (_queries, _projected, _y) = (
            Random(rows, heads.Heads * heads.HeadDim), Random(rows, heads.ProjectedWidth), Output(rows, heads.Heads * heads.HeadDim));
        _segments = Integers(SegmentTable.Of(rows, rowClass, prompt ? 0 : _context - 1), _sequences, Segments.Columns);
        int[] all = [.. Enumerable.Range(0, blocks)];
        new Random(1).Shuffle(all);
        _order = new int[_turns * perTurn];
        for (long i = 0; i < _order.Length; i++)
        {
            _order[i] = all[i % blocks];
        }

        _blocks = Integers(_order, _turns * _sequences, _width);
    }

    // Scores and mixing: 2 flops each for every query head, dimension and position that a row attends to.
    public override Work Work
    {
        get
        {
            double width = (double)_heads.Heads * _heads.HeadDim, cache = 2.0 * _sequences * _context * _heads.KvHeads * _heads.HeadDim * _cacheBytes;
            double pairs = Class == RowClass.Prompt ? Rows * (Rows + 1.0) / 2 : (double)Rows * _context;
            return new Work(cache + (3 * sizeof(float) * Rows * width), 4 * width * pairs);
        }
    }

    public override void Launch(KernelSet ops, int turn) => ops.PagedAttention.Run(
        _heads, Data.Own(_queries), Data.Own(_projected), Data.Fixed(_keys, 0), Data.Fixed(_values, 0), Data.Own(_segments),
        Data.Own(_blocks).Rows(turn % _turns * (long)_sequences, _sequences), Data.Own(_y), PromptRows);

    public override void Check(CheckRun check)
    {
        Tensor y = Data.Own(_y), keys = Data.Fixed(_keys, 0), values = Data.Fixed(_values, 0);
        check.Poison(y);
        Launch(check.Ops, 0);
        check.Whole("the output", y);
        int[] rows = Sampled();
        var inputs = Array.ConvertAll(rows, row => Row(check, row, keys, values));
        Parallel.For(0, rows.Length, i => check.Exact.PagedAttention.Run(
            _heads, inputs[i].Queries, inputs[i].Projected, inputs[i].Keys, inputs[i].Values, inputs[i].Segment, inputs[i].Blocks, inputs[i].Expected, promptRows: 0));
        for (int i = 0; i < rows.Length; i++)
        {
            check.Close(
                $"row {rows[i]}", y.Rows(rows[i], 1), inputs[i].Expected,
                Class == RowClass.Prompt && check.Ops.Activations == DType.BF16 ? RoundedPrompt : SumsInF32);
        }
    }

    // One row as a sequence of its own, with the blocks that it attends to one after the other.
    private Inputs Row(CheckRun check, int row, Tensor keys, Tensor values)
    {
        bool prompt = Class == RowClass.Prompt;
        int position = prompt ? row : _context - 1, count = Grid.CellsFor(position + 1), first = prompt ? 0 : row * _width;
        Shape key = _heads.KeyCache(count), value = _heads.ValueCache(count);
        Tensor hostKeys = check.New(keys.Type, key[0], key[1], key[2], key[3]), hostValues = check.New(values.Type, value[0], value[1], value[2], value[3]);
        for (int i = 0; i < count; i++)
        {
            check.Into(keys.Slice(_order[first + i]), hostKeys.Slice(i));
            check.Into(values.Slice(_order[first + i]), hostValues.Slice(i));
        }

        return new Inputs(
            check.Copy(Data.Own(_queries).Rows(row, 1)), check.Copy(Data.Own(_projected).Rows(row, 1)), hostKeys, hostValues,
            check.New([0, 1, position, 0], 1, Segments.Columns), check.New([.. Enumerable.Range(0, count)], 1, count),
            check.New(DType.F32, 1, _heads.Heads * _heads.HeadDim));
    }

    private readonly record struct Inputs(Tensor Queries, Tensor Projected, Tensor Keys, Tensor Values, Tensor Segment, Tensor Blocks, Tensor Expected);
}
