using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Gated RMSNorm on a device.</summary>
internal sealed class GatedRmsNormDevice(KernelStream stream) : GatedRmsNorm
{
    // As in Kernels/Device/Ops/GatedRmsNormWarp.cs.
    private const long WarpDim = 128;

    private protected override void Launch(Tensor x, Tensor z, Tensor weight, float epsilon, Tensor output)
    {
        long dim = weight.Shape[0];
        var heads = new Shape(x.Shape[0], x.Shape[1] / dim, dim);
        if (stream.MatrixUnits != MatrixUnits.None && dim == WarpDim && IsAligned(x) && IsAligned(z) && IsAligned(output) && weight.Address % 16 == 0)
        {
            GatedRmsNormWarpLauncher.Launch(stream, x.Reshape(heads), z, weight, output.Reshape(heads), epsilon);
            return;
        }

        GatedRmsNormLauncher.Launch(stream, x.Reshape(heads), z, weight, output.Reshape(heads), epsilon);
    }

    // Which is so for all rows of a tensor or for none: a row's bits do not depend on where it lies.
    private static bool IsAligned(in Tensor rows) => rows.Address % 16 == 0 && rows.RowStride % 4 == 0;
}
