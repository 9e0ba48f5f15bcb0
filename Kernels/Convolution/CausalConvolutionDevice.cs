using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// Convolution on a device. Long runs of rows have a kernel of their own on newer NVIDIA cards; both compute an output of f32 inputs
/// alike, to the bit; rounded inputs take that one, however short the runs.
/// </summary>
internal sealed class CausalConvolutionDevice(KernelStream stream) : CausalConvolution
{
    // As in Kernels/Device/Ops/CausalConvolutionRows.cs.
    private const long Taps = 4;

    // Of a segment, in the mean: shorter ones leave most of a thread's loads unused.
    private const long FewestRows = 8;

    public override bool TakesRounded(Tensor weight) => stream.MatrixUnits != MatrixUnits.None && weight.Shape[1] == Taps && IsAligned(weight);

    private protected override void Launch(Tensor x, Tensor weight, Tensor history, Tensor segments, Tensor output)
    {
        bool takes = stream.MatrixUnits != MatrixUnits.None && weight.Shape[1] == Taps && segments.Shape[1] == Segments.Columns
            && IsAligned(x) && IsAligned(weight) && IsAligned(output) && history.Address % 16 == 0;
        if (x.Type == DType.BF16)
        {
            LaunchCheck.That(takes, Op, "bf16 rows and others at multiples of 16 bytes, each of whose states is kept no oftener than at its end");
            CausalConvolutionRowsBf16Launcher.Launch(stream, x, weight, history, segments, output);
            return;
        }

        if (takes && x.Shape[0] >= FewestRows * segments.Shape[0])
        {
            CausalConvolutionRowsLauncher.Launch(stream, x, weight, history, segments, output);
            return;
        }

        CausalConvolutionLauncher.Launch(stream, x, weight, history, segments, output);
    }

    private static bool IsAligned(in Tensor rows) => rows.Address % 16 == 0 && rows.RowStride % 4 == 0 && rows.Shape[1] % 4 == 0;
}
