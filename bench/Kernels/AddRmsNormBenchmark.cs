using BenchmarkDotNet.Attributes;
using Lean.Engine.Bench.Ops;
using Lean.Tensors;

namespace Lean.Bench.Kernels;

/// <summary>Residual add and norm, on activations that lie in caches as they do after the op before.</summary>
[BenchmarkCategory("norm")]
public class AddRmsNormBenchmark : KernelBenchmark
{
    private const int Hidden = 2048;
    private const float Epsilon = 1e-6f;

    private Tensor _residual;
    private Tensor _delta;
    private Tensor _weight;
    private Tensor _y;

    [Params("add_rms_norm")]
    public override string Kernel { get; set; } = "";

    private protected override (string Shape, Work Work) Arrange()
    {
        (_residual, _delta, _weight, _y) = (Random(Rows, Hidden), Random(Rows, Hidden), Random(Hidden), Poisoned(Rows, Hidden));

        // Add, square, sum, scale, and the product with 1 + w: five flops an element.
        return ($"{Hidden}", new Work((4 * _y.Bytes) + _weight.Bytes, 5.0 * Rows * Hidden, FromMemory: false));
    }

    private protected override void Launch(int turn) => Ops.AddRmsNorm.Run(_residual, _delta, _weight, Epsilon, _y);

    private protected override double Check()
    {
        Tensor before = Take(DType.F32, _residual.Shape);
        _residual.AsSpan<float>().CopyTo(before.AsSpan<float>());
        Launch(0);
        double worst = 0;
        double output = Compare(_y, (row, expected) =>
        {
            Exact.AddRmsNorm.Run(before.Rows(row, 1), _delta.Rows(row, 1), _weight, Epsilon, expected);
            worst = Math.Max(worst, Oracle.RelativeError(_residual.Rows(row, 1), before.Rows(row, 1)));
        });
        return Math.Max(output, worst);
    }
}
