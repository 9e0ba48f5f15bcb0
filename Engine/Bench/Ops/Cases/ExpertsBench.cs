using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>The routed experts; each turn has a random routing of its own, uniform over the experts.</summary>
internal sealed class ExpertsBench : OpBench
{
    private readonly int _hidden, _width, _experts, _topK, _turns, _gateUp, _down, _x, _mix, _chosen, _scratch, _y;
    private readonly int[] _routing;
    private readonly double _touched;
    private ExpertWeights? _weights;

    public ExpertsBench(KernelSet ops, int hidden, int width, int experts, int topK, int rows, RowClass rowClass)
        : base("grouped_experts", $"{experts}×({2 * width}×{hidden} + {hidden}×{width}), top {topK}", rows, rowClass)
    {
        (_hidden, _width, _experts, _topK) = (hidden, width, experts, topK);
        Shape both = new(experts, 2 * width, hidden), single = new(experts, hidden, width);
        (_gateUp, _down) = (Fixed.Add(DType.BF16, both), Fixed.Add(DType.BF16, single));
        (_x, _mix, _y) = (Random(rows, hidden), Random(rows, topK), Output(rows, hidden));
        _turns = Turns.Count((long)rows * topK);
        (_routing, _touched) = Route(experts, topK, rows, _turns);
        _chosen = Integers(_routing, (long)_turns * rows, topK);

        // Only the shapes count for how much scratch memory there must be: nothing lies at these addresses.
        var shapes = ExpertWeights.Fused(new Tensor(DType.BF16, both, 1 << 20), new Tensor(DType.BF16, single, 1 << 20));
        _scratch = Add(new OwnTensor(DType.I8, new Shape(long.Max(64, ops.GroupedExperts.ScratchBytes(shapes, rows, topK)))));
    }

    public override double? ExpertsTouched => _touched;

    // Weights of the experts that a routing touches, in the mean; three products of 2 flops each.
    public override Work Work => new(
        (_touched * 3 * _width * _hidden * 2) + (sizeof(float) * (double)Rows * ((2 * _hidden) + (2 * _topK))), 6.0 * Rows * _topK * _hidden * _width);

    public override void Launch(KernelSet ops, int turn) => ops.GroupedExperts.Run(
        Data.Own(_x), _weights!, Data.Own(_chosen).Rows(turn % _turns * (long)Rows, Rows), Data.Own(_mix), Data.Own(_scratch), Data.Own(_y), PromptRows);

    public override void Check(CheckRun check)
    {
        Tensor y = Data.Own(_y), gateUp = Data.Fixed(_gateUp, 0), down = Data.Fixed(_down, 0);
        check.Poison(y);
        Launch(check.Ops, 0);
        check.Whole("the output", y);
        int[] rows = Sampled();
        var inputs = Array.ConvertAll(rows, row =>
        {
            // Only the row's own experts, renumbered.
            Tensor both = check.New(DType.BF16, _topK, 2 * _width, _hidden), single = check.New(DType.BF16, _topK, _hidden, _width);
            for (int k = 0; k < _topK; k++)
            {
                check.Into(gateUp.Slice(_routing[(row * _topK) + k]), both.Slice(k));
                check.Into(down.Slice(_routing[(row * _topK) + k]), single.Slice(k));
            }

            return (X: check.Copy(Data.Own(_x).Rows(row, 1)), Weights: ExpertWeights.Fused(both, single), Mix: check.Copy(Data.Own(_mix).Rows(row, 1)),
                Scratch: check.New(DType.I8, 64), Expected: check.New(DType.F32, 1, _hidden));
        });
        Tensor own = check.New([.. Enumerable.Range(0, _topK)], 1, _topK);
        Parallel.For(0, rows.Length, i => check.Exact.GroupedExperts.Run(inputs[i].X, inputs[i].Weights, own, inputs[i].Mix, inputs[i].Scratch, inputs[i].Expected, 0));
        for (int i = 0; i < rows.Length; i++)
        {
            check.Close($"row {rows[i]}", y.Rows(rows[i], 1), inputs[i].Expected, ExpertsInF32(check));
        }
    }

    protected override void Arrange() => _weights = ExpertWeights.Fused(Data.Fixed(_gateUp, 0), Data.Fixed(_down, 0));

    /// <summary>Distinct random experts for every row of every turn, and how many different ones a turn touches in the mean.</summary>
    internal static (int[] Routing, double Touched) Route(int experts, int topK, int rows, int turns)
    {
        var random = new Random(rows);
        int[] all = [.. Enumerable.Range(0, experts)], routing = new int[turns * rows * topK];
        long touched = 0;
        for (int turn = 0; turn < turns; turn++)
        {
            var met = new bool[experts];
            for (int row = 0; row < rows; row++)
            {
                // The first steps of a shuffle (Fisher and Yates): any K of them, in any order.
                for (int k = 0; k < topK; k++)
                {
                    int other = random.Next(k, experts);
                    (all[k], all[other]) = (all[other], all[k]);
                    routing[(((turn * rows) + row) * topK) + k] = all[k];
                    touched += met[all[k]] ? 0 : 1;
                    met[all[k]] = true;
                }
            }
        }

        return (routing, touched / (double)turns);
    }
}
