using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Convolution on a device.</summary>
internal sealed class CausalConvolutionDevice(KernelStream stream) : CausalConvolution
{
    private protected override void Launch(Tensor x, Tensor weight, Tensor history, Tensor segments, Tensor output) =>
        CausalConvolutionLauncher.Launch(stream, x, weight, history, segments, output);
}
