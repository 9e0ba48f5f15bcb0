using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>
/// A matrix product with weights of the model: y [T, N] = x [T, K] Wᵀ. Where what stands before it writes rows as the terms that
/// the device multiplies, those are given, as a model on one card gives them, and the op's shape says so: a norm a prompt's rows, any op
/// generated ones where they are many.
/// </summary>
internal sealed class LinearBench : OpBench
{
    // Rows of the weight that one thread of the reference takes at a time.
    private const long Band = 4096;

    // Rows of outputs begin at multiples of so many, as a model's do.
    private const long Aligned = 4;

    private const float Epsilon = 1e-6f;

    private readonly long _outputs, _inputs;
    private readonly int _weight, _x, _y, _norm, _normed, _terms;
    private readonly bool _isGate;
    private readonly NormedTerms? _before;
    private LinearWeight[] _weights = [];

    /// <param name="name">The projection.</param>
    /// <param name="outputs">N.</param>
    /// <param name="inputs">K.</param>
    /// <param name="rows">T.</param>
    /// <param name="rowClass">The rows' class.</param>
    /// <param name="isGate">Whether it is a router.</param>
    /// <param name="given">The set that runs it, where what stands before it writes what that set's products multiply; else null.</param>
    /// <param name="promptsToo">Whether it does so for a prompt's rows, too.</param>
    public LinearBench(string name, long outputs, long inputs, int rows, RowClass rowClass, bool isGate = false, KernelSet? given = null, bool promptsToo = true)
        : base(name, $"{outputs}×{inputs}{(Norm(given, promptsToo, outputs, inputs, rows, rowClass) is null ? "" : ", terms given")}", rows, rowClass)
    {
        (_outputs, _inputs, _isGate) = (outputs, inputs, isGate);
        _weight = Fixed.Add(DType.BF16, new Shape(outputs, inputs));
        (_x, _y) = (Random(rows, inputs), Output(rows, (outputs + Aligned - 1) / Aligned * Aligned));
        _before = Norm(given, promptsToo, outputs, inputs, rows, rowClass);
        if (_before is not null)
        {
            long bytes = PromptRows > 0 ? _before.Bytes(rows, inputs) : _before.PieceBytes(rows, inputs);
            (_norm, _normed, _terms) = (Random(inputs), Output(rows, inputs), Add(new OwnTensor(DType.I8, new Shape(bytes))));
        }
    }

    public override Work Work => new(
        (2.0 * _outputs * _inputs) + (sizeof(float) * (double)Rows * (_inputs + _outputs)), 2.0 * Rows * _outputs * _inputs);

    private Tensor Product => Data.Own(_y).Columns(0, _outputs);

    private Tensor Inputs => Data.Own(_before is null ? _x : _normed);

    private Tensor Terms => _before is null ? default : PromptRows > 0 ? _before.Of(Data.Own(_terms), Rows, _inputs) : _before.Pieces(Data.Own(_terms), Rows, _inputs);

    public override void Launch(KernelSet ops, int turn) => Op(ops).Run(Inputs, _weights[turn % _weights.Length], Product, PromptRows, Terms);

    // Only the shapes count for whether products take terms: nothing lies at this address.
    private static NormedTerms? Norm(KernelSet? ops, bool promptsToo, long outputs, long inputs, int rows, RowClass rowClass)
    {
        var weight = new LinearWeight(new Tensor(DType.BF16, new Shape(outputs, inputs), 1 << 20));
        bool takes = rowClass == RowClass.Prompt ? promptsToo && ops?.Linear.TakesTerms(weight) == true : ops?.Linear.TakesPieces(weight, rows) == true;
        return takes ? ops!.NormedTerms : null;
    }

    private Linear Op(KernelSet ops) => _isGate ? ops.GateLinear : ops.Linear;

    // A router's rows are rounded where they are a prompt's on matrix units, whose norms make terms, and nowhere else.
    private Linear Exact(CheckRun check) => _isGate && (PromptRows == 0 || check.Ops.NormedTerms is null) ? check.Exact.GateLinear : check.Exact.Linear;

    public override void Check(CheckRun check)
    {
        Tensor y = Product, weight = check.Host(Data.Fixed(_weight, 0));
        check.Poison(Data.Own(_y));
        if (_before is not null && PromptRows > 0)
        {
            _before.Run(Data.Own(_x), default, Data.Own(_norm), Epsilon, Inputs, Terms, areRead: true);
        }
        else if (_before is not null)
        {
            // Of generated rows terms are all that it leaves, and f64 takes the numbers.
            _before.RunGenerated(Data.Own(_x), default, Data.Own(_norm), Epsilon, Inputs, Terms);
            check.Ops.AddRmsNorm.Run(Data.Own(_x), default, Data.Own(_norm), Epsilon, Inputs);
        }

        Launch(check.Ops, 0);
        check.Whole("the output", y);
        foreach (int row in Sampled())
        {
            Tensor x = check.Copy(Inputs.Rows(row, 1)), expected = check.New(DType.F32, 1, _outputs);
            Parallel.For(0, (int)((_outputs + Band - 1) / Band), band =>
            {
                long first = band * Band, count = long.Min(Band, _outputs - first);
                Exact(check).Run(x, new LinearWeight(weight.Rows(first, count)), expected.Columns(first, count), 0);
            });
            check.Close($"row {row}", y.Rows(row, 1), expected, SumsInF32);
        }
    }

    // At most a few thousand sets take turns; small matrices have more of them than that.
    protected override void Arrange() =>
        _weights = [.. Enumerable.Range(0, int.Min(Data.FixedSets, 4096)).Select(turn => new LinearWeight(Data.Fixed(_weight, turn)))];
}
