using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>Head norms, RoPE and the write into the cache.</summary>
internal sealed class PrepareAttentionBench : OpBench
{
    private const float Epsilon = 1e-6f;

    // A bf16 cache rounds, now and then to the other side.
    private const double RoundedCache = 2e-3;

    private readonly AttentionShape _heads;
    private readonly int _cacheBytes, _rotated, _projected, _rotary, _queryNorm, _keyNorm, _slots, _keys, _values, _queries;

    public PrepareAttentionBench(AttentionShape heads, int rotated, DType cache, int rows)
        : base("prepare_attention", $"{heads.Heads}/{heads.KvHeads} heads of {heads.HeadDim}, {rotated} rotated", rows, null)
    {
        (_heads, _rotated, _cacheBytes) = (heads, rotated, cache.Size());
        _projected = Fixed.Add(DType.F32, new Shape(rows, heads.ProjectedWidth));
        (_rotary, _queryNorm, _keyNorm) = (Random(rows, rotated), Random(heads.HeadDim), Random(heads.HeadDim));
        _slots = Integers([.. Enumerable.Range(0, rows)], rows);
        long blocks = Grid.CellsFor(rows);
        (_keys, _values) = (Written.Add(cache, heads.KeyCache(blocks)), Written.Add(cache, heads.ValueCache(blocks)));
        _queries = Written.Add(DType.F32, new Shape(rows, heads.Heads * heads.HeadDim));
    }

    // The gates stay where they are. A norm is four flops an element, a rotation three.
    public override Work Work
    {
        get
        {
            double query = (double)_heads.Heads * _heads.HeadDim, key = (double)_heads.KvHeads * _heads.HeadDim;
            double read = sizeof(float) * (query + (2 * key) + _rotated + 1), written = (sizeof(float) * query) + (2 * _cacheBytes * key);
            return new Work(Rows * (read + written), Rows * ((4 * (query + key)) + (3.0 * _rotated * (_heads.Heads + _heads.KvHeads))));
        }
    }

    public override void Launch(KernelSet ops, int turn) => ops.PrepareAttention.Run(
        _heads, Data.Fixed(_projected, turn), Data.Own(_queryNorm), Data.Own(_keyNorm), Epsilon, Data.Own(_rotary), Data.Own(_slots),
        Data.Written(_keys, turn), Data.Written(_values, turn), Data.Written(_queries, turn));

    public override void Check(CheckRun check)
    {
        Tensor keys = Data.Written(_keys, 0), values = Data.Written(_values, 0), queries = Data.Written(_queries, 0);
        DType cache = check.Ops.CacheType;
        double allowed = cache == DType.BF16 ? RoundedCache : SumsInF32;
        // The caches keep their random values: they lie in a pool, where most of a block is nobody's.
        check.Poison(queries);
        Launch(check.Ops, 0);
        check.Whole("the queries", queries);
        Shape keyShape = _heads.KeyCache(1), valueShape = _heads.ValueCache(1);
        foreach (int row in Sampled())
        {
            Tensor expected = check.New(DType.F32, 1, _heads.Heads * _heads.HeadDim);
            Tensor expectedKeys = check.New(cache, 1, keyShape[1], keyShape[2], keyShape[3]), expectedValues = check.New(cache, 1, valueShape[1], valueShape[2], valueShape[3]);
            check.Exact.PrepareAttention.Run(
                _heads, check.Copy(Data.Fixed(_projected, 0).Rows(row, 1)), check.Host(Data.Own(_queryNorm)), check.Host(Data.Own(_keyNorm)), Epsilon,
                check.Copy(Data.Own(_rotary).Rows(row, 1)), check.New([row % Grid.Cell], 1), expectedKeys, expectedValues, expected);
            check.Close($"row {row}", queries.Rows(row, 1), expected, SumsInF32);
            check.Close($"the key of row {row}", Key(keys, row), Key(expectedKeys, row % Grid.Cell), allowed);
            check.Close($"the value of row {row}", Value(values, row), Value(expectedValues, row % Grid.Cell), allowed);
        }
    }

    // One position of the keys, which lie with positions innermost: [KvHeads·D, 1].
    private Tensor Key(Tensor cache, int row) =>
        cache.Slice(row / Grid.Cell).Reshape(new Shape(_heads.KvHeads * _heads.HeadDim, Grid.Cell)).Columns(row % Grid.Cell, 1);

    // One position of the values: [KvHeads, D].
    private Tensor Value(Tensor cache, int row) => cache.Slice(row / Grid.Cell)
        .Reshape(new Shape(_heads.KvHeads, Grid.Cell * _heads.HeadDim)).Columns(row % Grid.Cell * _heads.HeadDim, _heads.HeadDim);
}
