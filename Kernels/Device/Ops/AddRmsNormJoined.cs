using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// <see cref="AddRmsNormRow"/> of what <see cref="LinearRowsWarpGroup"/> left in slices of k: a group joins those of its row in their
/// order, as <see cref="LinearRowsJoin"/>, and goes on with the sums, which never lie in memory. A row is one group's, so that
/// all slices of four neighbours are on their way before the first is added.
/// </summary>
public static class AddRmsNormJoined
{
    /// <summary>residual += Σ_s sums[s]; the rest as <see cref="AddRmsNormRow.Narrow"/>.</summary>
    /// <param name="residual">f32 [T, H]; H is a multiple of 4, rows begin at multiples of 16 bytes.</param>
    /// <param name="sums">f32, a slice's [T, H] after the other.</param>
    /// <param name="weight">f32 [H].</param>
    /// <param name="output">f32 [T, H].</param>
    /// <param name="faults">i32 [T], or empty.</param>
    /// <param name="rows">T.</param>
    /// <param name="width">H, at most 2,048 for the narrow instances and 8,192 for the wide ones.</param>
    /// <param name="outputStride">Elements from a row to the next.</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="place">The norm's number.</param>
    [Kernel("add_rms_norm_joined", AddRmsNormRow.Threads, groups: "T", Unroll = true)]
    [Instance("narrow_slices2x", typeof(OneRowPart), typeof(TwoSlices))]
    [Instance("narrow_slices4x", typeof(OneRowPart), typeof(FourSlices))]
    [Instance("narrow_slices8x", typeof(OneRowPart), typeof(EightSlices))]
    [Instance("wide_slices2x", typeof(FourRowParts), typeof(TwoSlices))]
    [Instance("wide_slices4x", typeof(FourRowParts), typeof(FourSlices))]
    [Instance("wide_slices8x", typeof(FourRowParts), typeof(EightSlices))]
    [Cuda("sm_90a", SharedBytes = AddRmsNormRow.SumBytes)]
    public static void Run<TParts, TSlices>(
        [Shape("T", "H")] ArrayView<float> residual,
        [Shape("S", "H")] ArrayView<float> sums,
        [Shape("H")] ArrayView<float> weight,
        [Shape("T", "H")] ArrayView<float> output,
        [Shape("T", Optional = true)] ArrayView<int> faults,
        [Extent("T")] int rows,
        [Extent("H")] int width,
        [RowStride("output")] int outputStride,
        float epsilon,
        int place)
        where TParts : struct, IRowParts
        where TSlices : struct, ISlices
    {
        var x = new float[TParts.Parts * AddRmsNormRow.Four];
        var weights = new float[TParts.Parts * AddRmsNormRow.Four];
        var slices = new uint[TSlices.Count * AddRmsNormRow.Four];
        uint shared = CudaShared.Base();

        // Weights are nobody's output.
        AddRmsNormRow.Ask(residual, width);
        AddRmsNormRow.Weights<TParts>(weights, weight, Group.IdxX * AddRmsNormRow.Four, width);
        int before = AddRmsNormRow.WaitNoted(faults);
        for (int part = 0; part < TParts.Parts; part++)
        {
            int h = (Group.IdxX + (part * AddRmsNormRow.Threads)) * AddRmsNormRow.Four, at = part * AddRmsNormRow.Four;
            long from = ((long)Grid.IdxX * width) + Math.Min(h, width - AddRmsNormRow.Four);
            U4 old = WideAccess.Load(ref residual[from]);
            for (int i = 0; i < TSlices.Count; i++)
            {
                U4 four = WideAccess.Load(ref sums[((long)i * rows * width) + from]);
                slices[i * 4] = four.X;
                slices[(i * 4) + 1] = four.Y;
                slices[(i * 4) + 2] = four.Z;
                slices[(i * 4) + 3] = four.W;
            }

            AddRmsNormRow.Keep(x, at, old, Sum<TSlices>(slices, 0), Sum<TSlices>(slices, 1), Sum<TSlices>(slices, 2), Sum<TSlices>(slices, 3), residual, from, h < width);
        }

        AddRmsNormRow.Finish<TParts>(shared, x, weights, width, output, (long)Grid.IdxX * outputStride, faults, before, epsilon, place);
    }

    private static float Sum<TSlices>(uint[] slices, int which)
        where TSlices : struct, ISlices
    {
        float total = Interop.IntAsFloat(slices[which]);
        for (int i = 1; i < TSlices.Count; i++)
        {
            total += Interop.IntAsFloat(slices[(i * AddRmsNormRow.Four) + which]);
        }

        return total;
    }
}
