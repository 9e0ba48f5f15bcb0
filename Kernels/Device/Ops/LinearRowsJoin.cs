using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>The slices of k that <see cref="LinearRowsWarpGroup"/> leaves where outputs are few or something is added to them: a thread an output.</summary>
public static class LinearRowsJoin
{
    private const int Threads = 256;

    /// <summary>Adds the slices of each output in their order, and the rest as <see cref="LinearRows"/>.</summary>
    /// <param name="sums">f32, a slice's [T, N] after the other.</param>
    /// <param name="output">f32.</param>
    /// <param name="gate">f32, or empty.</param>
    /// <param name="add">f32, or empty.</param>
    /// <param name="rows">T.</param>
    /// <param name="outputs">N.</param>
    /// <param name="gateStride">Elements from a row to the next.</param>
    /// <param name="addStride">Likewise.</param>
    /// <param name="outputStride">Likewise.</param>
    [Kernel("linear_rows_join", Threads, groups: "*", Unroll = true)]
    [Instance("slices2x", typeof(TwoSlices))]
    [Instance("slices4x", typeof(FourSlices))]
    [Instance("slices8x", typeof(EightSlices))]
    [Cuda("sm_80")]
    public static void Run<TSlices>(
        [Shape("S", "N")] ArrayView<float> sums,
        [Shape("T", "N")] ArrayView<float> output,
        [Shape("T", "1", Optional = true)] ArrayView<float> gate,
        [Shape("T", "N", Optional = true)] ArrayView<float> add,
        [Extent("T")] int rows,
        [Extent("N")] int outputs,
        [RowStride("gate")] int gateStride,
        [RowStride("add")] int addStride,
        [RowStride("output")] int outputStride)
        where TSlices : struct, ISlices
    {
        DependentLaunch.Allow();
        DependentLaunch.Wait();
        int own = (Grid.IdxX * Threads) + Group.IdxX, t = own / outputs, n = own - (t * outputs);
        if (t < rows)
        {
            var part = new float[TSlices.Count];
            for (int i = 0; i < TSlices.Count; i++)
            {
                part[i] = sums[((((long)i * rows) + t) * outputs) + n];
            }

            float total = part[0];
            for (int i = 1; i < TSlices.Count; i++)
            {
                total += part[i];
            }

            float scale = gate.Length > 0 ? GateMath.Sigmoid(gate[(long)t * gateStride]) : 1, sum = add.Length > 0 ? add[((long)t * addStride) + n] : 0;
            output[((long)t * outputStride) + n] = gate.Length > 0 || add.Length > 0 ? Scalar.Fma(scale, total, sum) : total;
        }
    }
}
