using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Row selection on a device.</summary>
internal sealed class GatherRowsDevice(KernelStream stream) : GatherRows
{
    private protected override void Launch(Tensor x, Tensor rows, Tensor output) => GatherRowsLauncher.Launch(stream, x, rows, output);
}
