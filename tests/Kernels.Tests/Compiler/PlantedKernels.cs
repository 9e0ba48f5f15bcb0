using ILGPU;
using Lean.Kernels.Device;

namespace Lean.Kernels.Tests;

/// <summary>Kernels that must not build; each breaks one rule.</summary>
public static class PlantedKernels
{
    [Kernel("calls_out", 64, groups: "T")]
    public static void CallsOut([Shape("T")] ArrayView<float> x) => x[ILGPU.Grid.IdxX] = MathF.FusedMultiplyAdd(x[0], x[1], x[2]);

    [Kernel("local_array", 64, groups: "T", Unroll = true)]
    public static void LocalArray([Shape("T")] ArrayView<float> x)
    {
        var own = new float[16];
        for (int i = 0; i < 16; i++)
        {
            own[i] = x[i];
        }

        x[ILGPU.Grid.IdxX] = own[ILGPU.Grid.IdxX & 15];
    }

    [Kernel("fine", 64, groups: "T")]
    public static void Fine([Shape("T")] ArrayView<float> x) => x[ILGPU.Grid.IdxX] += 1;
}
