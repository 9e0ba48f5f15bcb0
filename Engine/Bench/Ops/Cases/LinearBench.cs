using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>A matrix product with weights of the model: y [T, N] = x [T, K] Wᵀ.</summary>
internal sealed class LinearBench : OpBench
{
    // Rows of the weight that one thread of the reference takes at a time.
    private const long Band = 4096;

    // Rows of outputs begin at multiples of so many, as a model's do.
    private const long Aligned = 4;

    private readonly long _outputs, _inputs;
    private readonly int _weight, _x, _y;
    private readonly bool _isGate;
    private LinearWeight[] _weights = [];

    public LinearBench(string name, long outputs, long inputs, int rows, RowClass rowClass, bool isGate = false) : base(name, $"{outputs}×{inputs}", rows, rowClass)
    {
        (_outputs, _inputs, _isGate) = (outputs, inputs, isGate);
        _weight = Fixed.Add(DType.BF16, new Shape(outputs, inputs));
        (_x, _y) = (Random(rows, inputs), Output(rows, (outputs + Aligned - 1) / Aligned * Aligned));
    }

    public override Work Work => new(
        (2.0 * _outputs * _inputs) + (sizeof(float) * (double)Rows * (_inputs + _outputs)), 2.0 * Rows * _outputs * _inputs);

    private Tensor Product => Data.Own(_y).Columns(0, _outputs);

    public override void Launch(KernelSet ops, int turn) => Op(ops).Run(Data.Own(_x), _weights[turn % _weights.Length], Product, PromptRows);

    // A router's rows are never rounded.
    private Linear Op(KernelSet ops) => _isGate ? ops.GateLinear : ops.Linear;

    public override void Check(CheckRun check)
    {
        Tensor y = Product, weight = check.Host(Data.Fixed(_weight, 0));
        check.Poison(Data.Own(_y));
        Launch(check.Ops, 0);
        check.Whole("the output", y);
        foreach (int row in Sampled())
        {
            Tensor x = check.Copy(Data.Own(_x).Rows(row, 1)), expected = check.New(DType.F32, 1, _outputs);
            Parallel.For(0, (int)((_outputs + Band - 1) / Band), band =>
            {
                long first = band * Band, count = long.Min(Band, _outputs - first);
                Op(check.Exact).Run(x, new LinearWeight(weight.Rows(first, count)), expected.Columns(first, count), 0);
            });
            check.Close($"row {row}", y.Rows(row, 1), expected, SumsInF32);
        }
    }

    // At most a few thousand sets take turns; small matrices have more of them than that.
    protected override void Arrange() =>
        _weights = [.. Enumerable.Range(0, int.Min(Data.FixedSets, 4096)).Select(turn => new LinearWeight(Data.Fixed(_weight, turn)))];
}
