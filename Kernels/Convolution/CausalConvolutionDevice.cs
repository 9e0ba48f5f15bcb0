using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// Convolution on a device. Long runs of rows have a kernel of their own on newer NVIDIA cards; both compute an output alike,
/// to the bit.
/// </summary>
internal sealed class CausalConvolutionDevice(KernelStream stream) : CausalConvolution
{
    // As in Kernels/Device/Ops/CausalConvolutionRows.cs.
    private const long Taps = 4;

    // Of a segment, in the mean: shorter ones leave most of a thread's loads unused.
    private const long FewestRows = 8;

    private protected override void Launch(Tensor x, Tensor weight, Tensor history, Tensor segments, Tensor output)
    {
        if (stream.MatrixUnits != MatrixUnits.None && x.Shape[0] >= FewestRows * segments.Shape[0] && weight.Shape[1] == Taps && segments.Shape[1] == Segments.Columns
            && IsAligned(x) && IsAligned(weight) && IsAligned(output) && history.Address % 16 == 0)
        {
            CausalConvolutionRowsLauncher.Launch(stream, x, weight, history, segments, output);
            return;
        }

        CausalConvolutionLauncher.Launch(stream, x, weight, history, segments, output);
    }

    private static bool IsAligned(in Tensor rows) => rows.Address % 16 == 0 && rows.RowStride % 4 == 0 && rows.Shape[1] % 4 == 0;
}
