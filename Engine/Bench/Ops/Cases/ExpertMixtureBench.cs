using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>The routed experts and the shared one, as a layer runs them; routings as in <see cref="ExpertsBench"/>.</summary>
internal sealed class ExpertMixtureBench : OpBench
{
    private readonly int _hidden, _width, _sharedWidth, _topK, _turns, _gateUp, _down, _sharedGateUp, _sharedDown, _x, _mix, _gate, _chosen, _scratch, _y;
    private readonly int[] _routing;
    private readonly double _touched;
    private ExpertWeights? _weights;
    private SharedExpert? _shared;

    public ExpertMixtureBench(KernelSet ops, int hidden, int width, int sharedWidth, int experts, int topK, int rows, RowClass rowClass)
        : base("expert_mixture", $"{experts}×({2 * width}×{hidden} + {hidden}×{width}), top {topK}, shared {sharedWidth}", rows, rowClass)
    {
        (_hidden, _width, _sharedWidth, _topK) = (hidden, width, sharedWidth, topK);
        Shape both = new(experts, 2 * width, hidden), single = new(experts, hidden, width), inner = new(2 * sharedWidth, hidden), outer = new(hidden, sharedWidth);
        (_gateUp, _down, _sharedGateUp, _sharedDown) = (Fixed.Add(DType.BF16, both), Fixed.Add(DType.BF16, single), Fixed.Add(DType.BF16, inner), Fixed.Add(DType.BF16, outer));
        (_x, _mix, _gate, _y) = (Random(rows, hidden), Random(rows, topK), Random(rows, 1), Output(rows, hidden));
        _turns = Turns.Count((long)rows * topK);
        (_routing, _touched) = ExpertsBench.Route(experts, topK, rows, _turns);
        _chosen = Integers(_routing, (long)_turns * rows, topK);

        // Only the shapes count for how much scratch memory there must be: nothing lies at these addresses.
        var shapes = ExpertWeights.Fused(new Tensor(DType.BF16, both, 1 << 20), new Tensor(DType.BF16, single, 1 << 20));
        var shared = new SharedExpert(new LinearWeight(new Tensor(DType.BF16, inner, 1 << 20)), new LinearWeight(new Tensor(DType.BF16, outer, 1 << 20)));
        _scratch = Add(new OwnTensor(DType.I8, new Shape(long.Max(64, ops.ExpertMixture.ScratchBytes(shapes, shared, rows, topK)))));
    }

    public override double? ExpertsTouched => _touched;

    // Weights of the experts that a routing touches, in the mean, and of the shared one; three products of 2 flops each.
    public override Work Work => new(
        (((_touched * _width) + _sharedWidth) * 3 * _hidden * 2) + (sizeof(float) * (double)Rows * ((2 * _hidden) + (2 * _topK) + 1)),
        6.0 * Rows * _hidden * (((double)_topK * _width) + _sharedWidth));

    public override void Launch(KernelSet ops, int turn) => ops.ExpertMixture.Run(
        Data.Own(_x), _weights!, _shared!, Data.Own(_chosen).Rows(turn % _turns * (long)Rows, Rows), Data.Own(_mix), Data.Own(_gate), Data.Own(_scratch),
        Data.Own(_y), PromptRows);

    public override void Check(CheckRun check)
    {
        Tensor y = Data.Own(_y), gateUp = Data.Fixed(_gateUp, 0), down = Data.Fixed(_down, 0);
        var shared = new SharedExpert(new LinearWeight(check.Host(Data.Fixed(_sharedGateUp, 0))), new LinearWeight(check.Host(Data.Fixed(_sharedDown, 0))));
        check.Poison(y);
        Launch(check.Ops, 0);
        check.Whole("the output", y);
        Tensor own = check.New([.. Enumerable.Range(0, _topK)], 1, _topK);
        foreach (int row in Sampled())
        {
            // Only the row's own experts, renumbered.
            Tensor both = check.New(DType.BF16, _topK, 2 * _width, _hidden), single = check.New(DType.BF16, _topK, _hidden, _width);
            for (int k = 0; k < _topK; k++)
            {
                check.Into(gateUp.Slice(_routing[(row * _topK) + k]), both.Slice(k));
                check.Into(down.Slice(_routing[(row * _topK) + k]), single.Slice(k));
            }

            Tensor expected = check.New(DType.F32, 1, _hidden);
            check.Exact.ExpertMixture.Run(
                check.Copy(Data.Own(_x).Rows(row, 1)), ExpertWeights.Fused(both, single), shared, own, check.Copy(Data.Own(_mix).Rows(row, 1)),
                check.Copy(Data.Own(_gate).Rows(row, 1)), check.New(DType.I8, 64 + (8L * _sharedWidth)), expected, 0);
            check.Close($"row {row}", y.Rows(row, 1), expected, ExpertsInF32(check));
        }
    }

    protected override void Arrange()
    {
        _weights = ExpertWeights.Fused(Data.Fixed(_gateUp, 0), Data.Fixed(_down, 0));
        _shared = new SharedExpert(new LinearWeight(Data.Fixed(_sharedGateUp, 0)), new LinearWeight(Data.Fixed(_sharedDown, 0)));
    }
}
