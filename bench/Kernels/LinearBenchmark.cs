using BenchmarkDotNet.Attributes;
using Lean.Bench.Data;
using Lean.Engine.Bench.Ops;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Bench.Kernels;

/// <summary>The matrix products with dense weights.</summary>
[BenchmarkCategory("linear")]
public class LinearBenchmark : KernelBenchmark
{
    private LinearWeight[] _weights = [];
    private Tensor _x;
    private Tensor _y;

    [Params("in_proj", "out_proj", "router", "lm_head")]
    public override string Kernel { get; set; } = "";

    private protected override (string Shape, Work Work) Arrange()
    {
        (long n, long k) = Kernel switch
        {
            "in_proj" => (12352, 2048),
            "out_proj" => (2048, 4096),
            "router" => (257, 2048),
            "lm_head" => (248320, 2048),
            _ => throw new InvalidOperationException($"no matrix is called {Kernel}"),
        };
        _weights = [.. RandomData.Matrices(n, k).Select(m => new LinearWeight(m))];
        (_x, _y) = (Random(Rows, k), Poisoned(Rows, n));
        return ($"{n}×{k}", new Work(_weights[0].Bytes + _x.Bytes + _y.Bytes, 2.0 * Rows * n * k));
    }

    private protected override void Launch(int turn) => Ops.Linear.Run(_x, _weights[turn % _weights.Length], _y, promptRows: 0);

    private protected override double Check()
    {
        Launch(0);
        return Compare(_y, (row, expected) => Exact.Linear.Run(_x.Rows(row, 1), _weights[0], expected, promptRows: 0));
    }
}
