using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>Token embedding: random rows of the table.</summary>
internal sealed class EmbeddingBench : OpBench
{
    private readonly int _hidden, _table, _y;
    private readonly Turns _ids;

    public EmbeddingBench(int vocabulary, int hidden, int rows) : base("embedding", $"{vocabulary}×{hidden}", rows, null)
    {
        _hidden = hidden;
        _table = Fixed.Add(DType.BF16, new Shape(vocabulary, hidden));
        _y = Output(rows, hidden);
        _ids = Turns.Random(this, vocabulary, rows);
    }

    public override Work Work => new(((2.0 + sizeof(float)) * Rows * _hidden) + (sizeof(int) * Rows), 0);

    public override void Launch(KernelSet ops, int turn) => ops.Embedding.Run(_ids.At(Data, turn), Data.Fixed(_table, turn), Data.Own(_y));

    public override void Check(CheckRun check)
    {
        Tensor y = Data.Own(_y);
        check.Poison(y);
        Launch(check.Ops, 0);
        check.Whole("the output", y);
        foreach (int row in Sampled())
        {
            Tensor expected = check.New(DType.F32, 1, _hidden), entry = check.Copy(Data.Fixed(_table, 0).Rows(_ids.Value(row), 1));
            check.Exact.Embedding.Run(check.New([0], 1), entry, expected);
            check.Close($"row {row}", y.Rows(row, 1), expected, 0);
        }
    }
}

/// <summary>Row selection before the LM head.</summary>
internal sealed class GatherRowsBench : OpBench
{
    private readonly int _hidden, _x, _y;
    private readonly Turns _rows;

    public GatherRowsBench(int hidden, int rows) : base("gather_rows", $"{hidden}", rows, null)
    {
        _hidden = hidden;
        _x = Fixed.Add(DType.F32, new Shape(rows, hidden));
        _y = Written.Add(DType.F32, new Shape(rows, hidden));
        _rows = Turns.Random(this, rows, rows);
    }

    public override Work Work => new((2.0 * sizeof(float) * Rows * _hidden) + (sizeof(int) * Rows), 0);

    public override void Launch(KernelSet ops, int turn) => ops.GatherRows.Run(Data.Fixed(_x, turn), _rows.At(Data, turn), Data.Written(_y, turn));

    public override void Check(CheckRun check)
    {
        Tensor y = Data.Written(_y, 0);
        check.Poison(y);
        Launch(check.Ops, 0);
        check.Whole("the output", y);
        foreach (int row in Sampled())
        {
            check.Close($"row {row}", y.Rows(row, 1), check.Copy(Data.Fixed(_x, 0).Rows(_rows.Value(row), 1)), 0);
        }
    }
}

/// <summary>cos and sin of positions.</summary>
internal sealed class RotaryTableBench : OpBench
{
    private readonly int _rotated, _positions, _frequencies, _table;
    private readonly int[] _values;

    public RotaryTableBench(int rotated, double theta, int rows) : base("rotary_table", $"{rotated} dimensions", rows, null)
    {
        _rotated = rotated;
        var random = new Random(rows);
        _values = [.. Enumerable.Range(0, rows).Select(_ => random.Next(1 << 18))];
        _positions = Integers(_values, rows);
        float[] frequencies = [.. Enumerable.Range(0, rotated / 2).Select(i => (float)Math.Pow(theta, -2.0 * i / rotated))];
        _frequencies = Add(new OwnTensor(DType.F32, new Shape(rotated / 2), Values: frequencies));
        _table = Written.Add(DType.F32, new Shape(rows, rotated));
    }

    // An angle, and its cosine and sine.
    public override Work Work => new(sizeof(float) * ((double)Rows * (_rotated + 1)), 1.5 * Rows * _rotated);

    public override void Launch(KernelSet ops, int turn) => ops.RotaryTable.Run(Data.Own(_positions), Data.Own(_frequencies), 1, Data.Written(_table, turn));

    public override void Check(CheckRun check)
    {
        Tensor table = Data.Written(_table, 0);
        check.Poison(table);
        Launch(check.Ops, 0);
        check.Whole("the table", table);
        foreach (int row in Sampled())
        {
            Tensor expected = check.New(DType.F32, 1, _rotated);
            check.Exact.RotaryTable.Run(check.New([_values[row]], 1), check.Host(Data.Own(_frequencies)), 1, expected);
            check.Close($"row {row}", table.Rows(row, 1), expected, SumsInF32);
        }
    }
}
