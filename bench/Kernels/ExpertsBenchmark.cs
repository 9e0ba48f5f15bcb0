using BenchmarkDotNet.Attributes;
using Lean.Bench.Data;
using Lean.Engine.Bench.Ops;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Bench.Kernels;

/// <summary>The routed experts; each turn has a random routing of its own, uniform over the experts.</summary>
[BenchmarkCategory("experts")]
public class ExpertsBenchmark : KernelBenchmark
{
    private const int Experts = 256, TopK = 8, Hidden = 2048, Width = 512, Routings = 64;

    private ExpertWeights _weights = null!;
    private Tensor _x;
    private Tensor _chosen;
    private Tensor _mix;
    private Tensor _scratch;
    private Tensor _y;

    [Params("experts")]
    public override string Kernel { get; set; } = "";

    private protected override (string Shape, Work Work) Arrange()
    {
        const long gateUpCount = (long)Experts * 2 * Width * Hidden;
        _weights = ExpertWeights.Fused(
            RandomData.Weights.View(DType.BF16, new Shape(Experts, 2 * Width, Hidden)),
            RandomData.Weights.View(DType.BF16, new Shape(Experts, Hidden, Width), gateUpCount * 2));
        (_x, _mix, _y) = (Random(Rows, Hidden), Random(Rows, TopK), Poisoned(Rows, Hidden));
        _scratch = Take(DType.I8, new Shape(Ops.GroupedExperts.ScratchBytes(_weights, Rows, TopK)));
        (_chosen, double used) = Route();
        double weights = used * 3 * Width * Hidden * 2;
        return ($"{Experts}×({2 * Width}×{Hidden} + {Hidden}×{Width}), top {TopK}", new Work(weights + (2 * _x.Bytes), 6.0 * Rows * TopK * Hidden * Width));
    }

    private protected override void Launch(int turn) =>
        Ops.GroupedExperts.Run(_x, _weights, _chosen.Rows(turn % Routings * Rows, Rows), _mix, _scratch, _y, 0);

    private protected override double Check()
    {
        Tensor scratch = Take(DType.I8, new Shape(long.Max(64, Exact.GroupedExperts.ScratchBytes(_weights, 1, TopK))));
        Launch(0);
        return Compare(_y, (row, expected) => Exact.GroupedExperts.Run(
            _x.Rows(row, 1), _weights, _chosen.Rows(row, 1), _mix.Rows(row, 1), scratch, expected, 0));
    }

    // i32 [Routings·T, TopK], and how many different experts a launch uses in the mean.
    private (Tensor Chosen, double Used) Route()
    {
        var random = new Random(Rows);
        int[] all = [.. Enumerable.Range(0, Experts)];
        int[] chosen = new int[Routings * Rows * TopK];
        double used = 0;
        for (int routing = 0; routing < Routings; routing++)
        {
            Span<int> part = chosen.AsSpan(routing * Rows * TopK, Rows * TopK);
            for (int row = 0; row < Rows; row++)
            {
                random.Shuffle(all);
                all.AsSpan(0, TopK).CopyTo(part[(row * TopK)..]);
            }

            used += part.ToArray().Distinct().Count() / (double)Routings;
        }

        return (Integers(new Shape(Routings * Rows, TopK), chosen), used);
    }
}
