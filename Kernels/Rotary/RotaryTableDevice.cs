using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>cos and sin of a step's positions on a device.</summary>
internal sealed class RotaryTableDevice(KernelStream stream) : RotaryTable
{
    private protected override void Launch(Tensor positions, Tensor frequencies, float magnitude, Tensor table) =>
        RotaryTableLauncher.Launch(stream, positions, frequencies, table, magnitude);
}
