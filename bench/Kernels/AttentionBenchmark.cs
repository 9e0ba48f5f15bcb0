using BenchmarkDotNet.Attributes;
using Lean.Bench.Data;
using Lean.Engine.Bench.Ops;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Bench.Kernels;

/// <summary>
/// Decoding attention: T sequences of one row each at context 4096. The caches of 64 sequences are there (1 GB); with
/// more rows, sequences share them, far enough apart in time that they come from memory again.
/// </summary>
[BenchmarkCategory("attention")]
public class AttentionBenchmark : KernelBenchmark
{
    private const int Context = 4096, BlocksPerSequence = Context / Grid.Cell, Sequences = 64;

    private static readonly AttentionShape Heads = new(Heads: 16, KvHeads: 2, HeadDim: 256);

    private Tensor _queries;
    private Tensor _projected;
    private Tensor _keys;
    private Tensor _values;
    private Tensor _segments;
    private Tensor[] _blocks = [];
    private Tensor _y;

    [Params("attention")]
    public override string Kernel { get; set; } = "";

    private protected override (string Shape, Work Work) Arrange()
    {
        const long blocks = (long)Sequences * BlocksPerSequence;
        _keys = RandomData.States.View(DType.F32, Heads.KeyCache(blocks));
        _values = RandomData.States.View(DType.F32, Heads.ValueCache(blocks), _keys.Bytes);
        _queries = Random(Rows, Heads.Heads * Heads.HeadDim);
        _projected = Random(Rows, Heads.ProjectedWidth);
        _y = Poisoned(Rows, Heads.Heads * Heads.HeadDim);
        _segments = Integers(
            new Shape(Rows, Segments.Columns), [.. Enumerable.Range(0, Rows).SelectMany(row => new[] { row, 1, Context - 1, row })]);

        // Blocks lie as a pool that has been in use for a while hands them out: in no order.
        int[] order = [.. Enumerable.Range(0, (int)blocks)];
        new Random(1).Shuffle(order);
        int turns = int.Max(1, Sequences / Rows);
        _blocks = [.. Enumerable.Range(0, turns).Select(turn => Integers(
            new Shape(Rows, BlocksPerSequence),
            [.. Enumerable.Range(0, Rows * BlocksPerSequence).Select(i => order[((turn * Rows * BlocksPerSequence) + i) % blocks])]))];

        double cache = 2.0 * Context * Heads.KvHeads * Heads.HeadDim * sizeof(float) * Rows;
        return (
            $"{Heads.Heads}/{Heads.KvHeads} heads of {Heads.HeadDim}, context {Context}",
            new Work(cache + (3 * _y.Bytes), 4.0 * Rows * Heads.Heads * Heads.HeadDim * Context));
    }

    private protected override void Launch(int turn) =>
        Ops.PagedAttention.Run(Heads, _queries, _projected, _keys, _values, _segments, _blocks[turn % _blocks.Length], _y, promptRows: 0);

    private protected override double Check()
    {
        Launch(0);
        return Compare(_y, (row, expected) => Exact.PagedAttention.Run(
            Heads, _queries.Rows(row, 1), _projected.Rows(row, 1), _keys, _values, _segments.Rows(0, 1), _blocks[0].Rows(row, 1), expected, promptRows: 0));
    }
}
