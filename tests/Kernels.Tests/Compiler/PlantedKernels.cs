using ILGPU;
using Lean.Kernels.Device;

namespace Lean.Kernels.Tests;

/// <summary>Kernels that must not build; each breaks one rule. And one that does.</summary>
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

    [Kernel("loses_a_way", 64, groups: "T", Unroll = true)]
    public static void LosesAWay([Shape("T")] ArrayView<float> x, [Extent("T")] int rows)
    {
        float sum = 0;
        for (int i = 0; i < rows; i += 4)
        {
            if (x[i] > 0)
            {
                for (int j = 0; j < 4; j++)
                {
                    sum += x[i + j];
                }
            }
        }

        x[0] = sum;
    }

    [Kernel("cuda_alone", 64, groups: "T")]
    public static void CudaAlone([Shape("T")] ArrayView<float> x) => x[Lanes.First(ILGPU.Grid.IdxX)] += 1;

    [Kernel("no_constant", 64, groups: "T")]
    [Cuda("sm_80")]
    public static void NoConstant([Shape("T")] ArrayView<float> x) => x[0] = Accumulators.Get(ILGPU.Group.IdxX);

    [Kernel("wants_too_much", 64, groups: "T")]
    [Cuda("sm_80", SharedBytes = 100 << 10)]
    public static void WantsTooMuch([Shape("T")] ArrayView<float> x) => x[(int)CudaShared.Base()] += 1;

    [Kernel("no_map", 64, groups: "T")]
    [Cuda("sm_80")]
    public static void NoMap([Shape("T", "H"), Tile(64)] TensorMap<float> map, [Shape("T")] ArrayView<float> x) =>
        x[0] = TensorCopy.Map(0) + TensorCopy.Map(1);

    [Kernel("fine", 64, groups: "T")]
    public static void Fine([Shape("T")] ArrayView<float> x) => x[ILGPU.Grid.IdxX] += 1;
}
