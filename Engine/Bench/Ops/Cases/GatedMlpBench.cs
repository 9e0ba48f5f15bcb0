using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>
/// A dense MLP, or the shared expert with its gate on top of the routed experts' sum. A prompt's rows are given as the terms that the
/// device multiplies where the norm before it writes those (<see cref="LinearBench"/>), and the op's shape says so.
/// </summary>
internal sealed class GatedMlpBench : OpBench
{
    private const float Epsilon = 1e-6f;

    // Tensor cores cut off what they add up, always to the same side: down's sums of a prompt are as far off as they are long.
    private const double LongSums = 5e-9;

    private readonly int _hidden, _width, _gateUp, _down, _x, _gate, _add, _scratch, _y, _norm, _normed, _terms;
    private readonly bool _shared;
    private readonly NormedTerms? _before;
    private LinearWeight[] _gateUps = [], _downs = [];

    /// <param name="name">The op.</param>
    /// <param name="hidden">H.</param>
    /// <param name="width">I.</param>
    /// <param name="shared">Whether it is the shared expert.</param>
    /// <param name="rows">T.</param>
    /// <param name="rowClass">The rows' class.</param>
    /// <param name="given">The set that runs it, where a norm stands before it; else null.</param>
    public GatedMlpBench(string name, int hidden, int width, bool shared, int rows, RowClass rowClass, KernelSet? given = null)
        : base(name, $"{2 * width}×{hidden} + {hidden}×{width}{(Norm(given, hidden, width, rowClass) is null ? "" : ", terms given")}", rows, rowClass)
    {
        (_hidden, _width, _shared) = (hidden, width, shared);
        (_gateUp, _down) = (Fixed.Add(DType.BF16, new Shape(2 * width, hidden)), Fixed.Add(DType.BF16, new Shape(hidden, width)));
        (_x, _scratch, _y) = (Random(rows, hidden), Output(rows, 2 * width), Output(rows, hidden));
        (_gate, _add) = shared ? (Random(rows, 1), Random(rows, hidden)) : (-1, -1);
        _before = Norm(given, hidden, width, rowClass);
        if (_before is not null)
        {
            (_norm, _normed, _terms) = (Random(hidden), Output(rows, hidden), Add(new OwnTensor(DType.I8, new Shape(_before.Bytes(rows, hidden)))));
        }
    }

    public override Work Work => new(
        (6.0 * _width * _hidden) + (sizeof(float) * (double)Rows * ((2 * _hidden) + (_shared ? _hidden + 1 : 0))), 6.0 * Rows * _hidden * _width);

    private Tensor Inputs => Data.Own(_before is null ? _x : _normed);

    private Tensor Terms => _before is null ? default : _before.Of(Data.Own(_terms), Rows, _hidden);

    public override void Launch(KernelSet ops, int turn)
    {
        int set = turn % _gateUps.Length;
        ops.GatedMlp.Run(
            Inputs, _gateUps[set], _downs[set], _shared ? Data.Own(_gate) : default, _shared ? Data.Own(_add) : default,
            Data.Own(_scratch), Data.Own(_y), PromptRows, Terms);
    }

    public override void Check(CheckRun check)
    {
        Tensor y = Data.Own(_y);
        LinearWeight gateUp = new(check.Host(Data.Fixed(_gateUp, 0))), down = new(check.Host(Data.Fixed(_down, 0)));
        check.Poison(y);
        _before?.Run(Data.Own(_x), default, Data.Own(_norm), Epsilon, Inputs, Terms, areRead: true);
        Launch(check.Ops, 0);
        check.Whole("the output", y);
        int[] rows = Sampled();
        var inputs = Array.ConvertAll(rows, row => (
            X: check.Copy(Inputs.Rows(row, 1)), Gate: _shared ? check.Copy(Data.Own(_gate).Rows(row, 1)) : default,
            Add: _shared ? check.Copy(Data.Own(_add).Rows(row, 1)) : default, Scratch: check.New(DType.F32, 1, 2 * _width), Expected: check.New(DType.F32, 1, _hidden)));
        Parallel.For(0, rows.Length, i => check.Exact.GatedMlp.Run(
            inputs[i].X, gateUp, down, inputs[i].Gate, inputs[i].Add, inputs[i].Scratch, inputs[i].Expected, 0));
        for (int i = 0; i < rows.Length; i++)
        {
            check.Close($"row {rows[i]}", y.Rows(rows[i], 1), inputs[i].Expected, Class == RowClass.Prompt ? Math.Max(ProductsInF32(check), LongSums * _width) : ProductsInF32(check));
        }
    }

    // Only the shapes count for whether products take terms: nothing lies at these addresses.
    private static NormedTerms? Norm(KernelSet? ops, long hidden, long width, RowClass rowClass)
    {
        LinearWeight gateUp = new(new Tensor(DType.BF16, new Shape(2 * width, hidden), 1 << 20)), down = new(new Tensor(DType.BF16, new Shape(hidden, width), 1 << 20));
        return rowClass == RowClass.Prompt && ops?.GatedMlp.TakesTerms(gateUp, down) == true ? ops.NormedTerms : null;
    }

    protected override void Arrange()
    {
        int sets = int.Min(Data.FixedSets, 4096);
        _gateUps = [.. Enumerable.Range(0, sets).Select(turn => new LinearWeight(Data.Fixed(_gateUp, turn)))];
        _downs = [.. Enumerable.Range(0, sets).Select(turn => new LinearWeight(Data.Fixed(_down, turn)))];
    }
}
