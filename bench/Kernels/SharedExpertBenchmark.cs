using BenchmarkDotNet.Attributes;
using Lean.Bench.Data;
using Lean.Engine.Bench.Ops;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Bench.Kernels;

/// <summary>The shared expert with its gate, on top of the routed experts' sum.</summary>
[BenchmarkCategory("experts")]
public class SharedExpertBenchmark : KernelBenchmark
{
    private const int Hidden = 2048, Width = 512;

    private LinearWeight[] _gateUp = [];
    private LinearWeight[] _down = [];
    private Tensor _x;
    private Tensor _gate;
    private Tensor _add;
    private Tensor _scratch;
    private Tensor _y;

    [Params("shared_expert")]
    public override string Kernel { get; set; } = "";

    private protected override (string Shape, Work Work) Arrange()
    {
        // One matrix holds both, gate_up's rows first.
        Tensor[] both = RandomData.Matrices(3 * Width, Hidden);
        _gateUp = [.. both.Select(m => new LinearWeight(m.Rows(0, 2 * Width)))];
        _down = [.. both.Select(m => new LinearWeight(m.Rows(2 * Width, Width).Reshape(new Shape(Hidden, Width))))];
        (_x, _gate, _add) = (Random(Rows, Hidden), Random(Rows, 1), Random(Rows, Hidden));
        (_scratch, _y) = (Poisoned(Rows, 2 * Width), Poisoned(Rows, Hidden));
        return ($"{2 * Width}×{Hidden} + {Hidden}×{Width}", new Work(both[0].Bytes + (3 * _x.Bytes), 6.0 * Rows * Hidden * Width));
    }

    private protected override void Launch(int turn)
    {
        int i = turn % _gateUp.Length;
        Ops.GatedMlp.Run(_x, _gateUp[i], _down[i], _gate, _add, _scratch, _y, 0);
    }

    private protected override double Check()
    {
        Tensor scratch = Poisoned(1, 2 * Width);
        Launch(0);
        return Compare(_y, (row, expected) => Exact.GatedMlp.Run(
            _x.Rows(row, 1), _gateUp[0], _down[0], _gate.Rows(row, 1), _add.Rows(row, 1), scratch, expected, 0));
    }
}
