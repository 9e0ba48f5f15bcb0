using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Gated RMSNorm on a device.</summary>
internal sealed class GatedRmsNormDevice(KernelStream stream) : GatedRmsNorm
{
    private protected override void Launch(Tensor x, Tensor z, Tensor weight, float epsilon, Tensor output)
    {
        long dim = weight.Shape[0];
        var heads = new Shape(x.Shape[0], x.Shape[1] / dim, dim);
        GatedRmsNormLauncher.Launch(stream, x.Reshape(heads), z, weight, output.Reshape(heads), epsilon);
    }
}
