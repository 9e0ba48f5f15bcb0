using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>Residual add and norm.</summary>
internal sealed class AddRmsNormBench : OpBench
{
    private const float Epsilon = 1e-6f;

    private readonly int _hidden, _delta, _residual, _y, _weight;

    public AddRmsNormBench(int hidden, int rows) : base("add_rms_norm", $"{hidden}", rows, null)
    {
        _hidden = hidden;
        _delta = Fixed.Add(DType.F32, new Shape(rows, hidden));
        (_residual, _y) = (Written.Add(DType.F32, new Shape(rows, hidden)), Written.Add(DType.F32, new Shape(rows, hidden)));
        _weight = Random(hidden);
    }

    // Add, square, sum, scale, and the product with 1 + w: five flops an element.
    public override Work Work => new(sizeof(float) * ((4.0 * Rows * _hidden) + _hidden), 5.0 * Rows * _hidden);

    public override void Launch(KernelSet ops, int turn) =>
        ops.AddRmsNorm.Run(Data.Written(_residual, turn), Data.Fixed(_delta, turn), Data.Own(_weight), Epsilon, Data.Written(_y, turn));

    public override void Check(CheckRun check)
    {
        Tensor residual = Data.Written(_residual, 0), y = Data.Written(_y, 0), weight = check.Host(Data.Own(_weight));
        int[] rows = Sampled();
        Tensor[] before = [.. rows.Select(row => check.Copy(residual.Rows(row, 1)))];
        check.Poison(y);
        Launch(check.Ops, 0);
        check.Whole("the output", y);
        for (int i = 0; i < rows.Length; i++)
        {
            Tensor expected = check.New(DType.F32, 1, _hidden);
            check.Exact.AddRmsNorm.Run(before[i], check.Copy(Data.Fixed(_delta, 0).Rows(rows[i], 1)), weight, Epsilon, expected);
            check.Close($"row {rows[i]}", y.Rows(rows[i], 1), expected, SumsInF32);
            check.Close($"row {rows[i]} of the residual", residual.Rows(rows[i], 1), before[i], SumsInF32);
        }
    }
}

/// <summary>The sum of two ranks' parts, over one of them.</summary>
internal sealed class PartSumBench : OpBench
{
    private const int Ranks = 2;

    private readonly int _hidden, _parts;

    public PartSumBench(int hidden, int rows) : base("part_sum", $"{Ranks} of {hidden}", rows, null)
    {
        _hidden = hidden;
        _parts = Written.Add(DType.F32, new Shape(Ranks, rows * hidden));
    }

    public override Work Work => new(sizeof(float) * (Ranks + 1.0) * Rows * _hidden, (Ranks - 1.0) * Rows * _hidden);

    public override void Launch(KernelSet ops, int turn)
    {
        Tensor parts = Data.Written(_parts, turn);
        ops.PartSum.Run(parts, parts.Slice(0));
    }

    public override void Check(CheckRun check)
    {
        Tensor parts = Data.Written(_parts, 0), before = check.Copy(parts), expected = check.New(DType.F32, 1, Rows * _hidden);
        check.Exact.PartSum.Run(before, expected);
        Launch(check.Ops, 0);
        check.Close("the sum", parts.Rows(0, 1), expected, 0);
        check.Close("the other part", parts.Rows(1, 1), before.Rows(1, 1), 0);
    }
}

/// <summary>The norm of Gated DeltaNet's output with its gate.</summary>
internal sealed class GatedRmsNormBench : OpBench
{
    private const float Epsilon = 1e-6f;

    private readonly int _width, _x, _z, _y, _weight;

    /// <summary>Of f32 rows to f32 rows; a prompt's, which go to terms, take less.</summary>
    public GatedRmsNormBench(int heads, int dim, int rows) : base("gated_rms_norm", $"{heads} heads of {dim}", rows, null)
    {
        _width = heads * dim;
        (_x, _z) = (Fixed.Add(DType.F32, new Shape(rows, _width)), Fixed.Add(DType.F32, new Shape(rows, _width)));
        _y = Written.Add(DType.F32, new Shape(rows, _width));
        _weight = Random(dim);
    }

    // Square, sum, scale and weight; the gate: negate, exponential, add, divide, multiply.
    public override Work Work => new(sizeof(float) * 3.0 * Rows * _width, 9.0 * Rows * _width);

    public override void Launch(KernelSet ops, int turn) =>
        ops.GatedRmsNorm.Run(Data.Fixed(_x, turn), Data.Fixed(_z, turn), Data.Own(_weight), Epsilon, Data.Written(_y, turn));

    public override void Check(CheckRun check)
    {
        Tensor y = Data.Written(_y, 0), weight = check.Host(Data.Own(_weight));
        check.Poison(y);
        Launch(check.Ops, 0);
        check.Whole("the output", y);
        foreach (int row in Sampled())
        {
            Tensor expected = check.New(DType.F32, 1, _width);
            check.Exact.GatedRmsNorm.Run(check.Copy(Data.Fixed(_x, 0).Rows(row, 1)), check.Copy(Data.Fixed(_z, 0).Rows(row, 1)), weight, Epsilon, expected);
            check.Close($"row {row}", y.Rows(row, 1), expected, SumsInF32);
        }
    }
}
