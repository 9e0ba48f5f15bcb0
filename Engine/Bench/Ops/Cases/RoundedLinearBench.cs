using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>
/// A matrix product of a prompt's rows that leaves all but its last outputs rounded to bf16, as Gated DeltaNet's projections do where
/// activations are rounded: <see cref="LinearBench"/> otherwise, the rows' terms given.
/// </summary>
internal sealed class RoundedLinearBench : OpBench
{
    private const float Epsilon = 1e-6f;

    private readonly long _outputs, _inputs, _exact;
    private readonly int _weight, _x, _rounded, _last, _norm, _normed, _terms;
    private readonly NormedTerms _before;
    private LinearWeight[] _weights = [];

    /// <param name="name">The projection.</param>
    /// <param name="outputs">N.</param>
    /// <param name="exact">How many of them, at the end, are not rounded.</param>
    /// <param name="inputs">K.</param>
    /// <param name="rows">T.</param>
    /// <param name="ops">A set that <see cref="Has"/> it.</param>
    public RoundedLinearBench(string name, long outputs, long exact, long inputs, int rows, KernelSet ops)
        : base(name, $"{outputs}×{inputs}, terms given, bf16{(exact > 0 ? $" but for {exact}" : "")}", rows, RowClass.Prompt)
    {
        (_outputs, _exact, _inputs, _before) = (outputs, exact, inputs, ops.NormedTerms!);
        _weight = Fixed.Add(DType.BF16, new Shape(outputs, inputs));
        (_x, _rounded, _last) = (Random(rows, inputs), Add(new OwnTensor(DType.BF16, new Shape(rows, outputs - exact))), Output(rows, long.Max(exact, 1)));
        (_norm, _normed, _terms) = (Random(inputs), Output(rows, inputs), Add(new OwnTensor(DType.I8, new Shape(_before.Bytes(rows, inputs)))));
    }

    public override Work Work => new(
        (2.0 * _outputs * _inputs) + (Rows * ((sizeof(float) * (double)(_inputs + _exact)) + (2.0 * (_outputs - _exact)))), 2.0 * Rows * _outputs * _inputs);

    private Tensor Last => new(DType.F32, new Shape(Rows, _exact), Data.Own(_last).Address);

    private Tensor Terms => _before.Of(Data.Own(_terms), Rows, _inputs);

    /// <summary>Whether a set leaves such products rounded, and makes their terms.</summary>
    public static bool Has(KernelSet ops, long outputs, long exact, long inputs)
    {
        // Only the shapes count: nothing lies at this address.
        var weight = new LinearWeight(new Tensor(DType.BF16, new Shape(outputs, inputs), 1 << 20));
        return ops.NormedTerms is not null && ops.Linear.TakesTerms(weight) && ops.Linear.LeavesRounded(weight, exact);
    }

    public override void Launch(KernelSet ops, int turn) =>
        ops.Linear.RunRounded(Data.Own(_normed), _weights[turn % _weights.Length], Data.Own(_rounded), Last, Terms);

    public override void Check(CheckRun check)
    {
        Tensor rounded = Data.Own(_rounded), last = Last, weight = check.Host(Data.Fixed(_weight, 0));
        check.Poison(rounded);
        check.Poison(Data.Own(_last));
        _before.Run(Data.Own(_x), default, Data.Own(_norm), Epsilon, Data.Own(_normed), Terms, areRead: true);
        Launch(check.Ops, 0);
        check.Whole("the rounded outputs", rounded);
        if (_exact > 0)
        {
            check.Whole("the exact outputs", last);
        }

        foreach (int row in Sampled())
        {
            Tensor x = check.Copy(Data.Own(_normed).Rows(row, 1)), expected = check.New(DType.F32, 1, _outputs - _exact);
            check.Exact.Linear.Run(x, new LinearWeight(weight.Rows(0, _outputs - _exact)), expected, 0);
            check.Close($"row {row}, rounded", rounded.Rows(row, 1), expected, RoundedToBF16);
            if (_exact > 0)
            {
                Tensor expectedLast = check.New(DType.F32, 1, _exact);
                check.Exact.Linear.Run(x, new LinearWeight(weight.Rows(_outputs - _exact, _exact)), expectedLast, 0);
                check.Close($"row {row}, exact", last.Rows(row, 1), expectedLast, SumsInF32);
            }
        }
    }

    protected override void Arrange() =>
        _weights = [.. Enumerable.Range(0, Data.FixedSets).Select(turn => new LinearWeight(Data.Fixed(_weight, turn)))];
}
