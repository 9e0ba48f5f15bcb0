using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// <see cref="AddRmsNormRow"/> whose first rows, a prompt's, also go to the bf16 terms that their products multiply
/// (<see cref="ActivationTerms"/>): a group has a row in registers, and no launch has to read it again.
/// </summary>
public static class AddRmsNormTerms
{
    /// <summary>As <see cref="AddRmsNormRow.Narrow"/>.</summary>
    /// <param name="residual">f32 [T, H].</param>
    /// <param name="delta">f32 [T, H], or empty; of rows that are in <paramref name="rounded"/> it is anything.</param>
    /// <param name="weight">f32 [H].</param>
    /// <param name="output">f32 [T, H]: the norm of rows from <paramref name="firstKept"/> on.</param>
    /// <param name="terms">bf16 [R, P]: the first R rows' terms, P / 2 or P of each being H rounded up to 64.</param>
    /// <param name="rounded">bf16 [R, H]: what is added to the first R rows, as the single term's product left it; or empty. H is then a multiple of 8.</param>
    /// <param name="faults">i32 [T], or empty.</param>
    /// <param name="rows">T.</param>
    /// <param name="width">H.</param>
    /// <param name="outputStride">Elements from a row to the next.</param>
    /// <param name="termRows">R.</param>
    /// <param name="packed">P.</param>
    /// <param name="firstKept">0, or R.</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="place">The norm's number.</param>
    /// <param name="ahead">Memory is asked for the rows of the group that is so many on.</param>
    [Kernel("add_rms_norm_terms_narrow", AddRmsNormRow.Threads, groups: "T", Unroll = true)]
    [Instance("", typeof(SplitTerms))]
    [Instance("rounded", typeof(SingleTerm))]
    [Cuda("sm_80", SharedBytes = AddRmsNormRow.SumBytes, GroupsTogether = 4)]
    public static void Narrow<TTerms>(
        [Shape("T", "H")] ArrayView<float> residual,
        [Shape("T", "H", Optional = true)] ArrayView<float> delta,
        [Shape("H")] ArrayView<float> weight,
        [Shape("T", "H")] ArrayView<float> output,
        [Shape("R", "P")] ArrayView<ushort> terms,
        [Shape("R", "H", Optional = true)] ArrayView<ushort> rounded,
        [Shape("T", Optional = true)] ArrayView<int> faults,
        [Extent("T")] int rows,
        [Extent("H")] int width,
        [RowStride("output")] int outputStride,
        [Extent("R")] int termRows,
        [Extent("P")] int packed,
        int firstKept,
        float epsilon,
        int place,
        int ahead)
        where TTerms : struct, IActivationTerms =>
        Run<OneRowPart, TTerms>(residual, delta, rounded, weight, output, terms, faults, rows, width, outputStride, termRows, packed, firstKept, epsilon, place, ahead);

    /// <summary>As <see cref="Narrow"/>; H is at most 8,192.</summary>
    [Kernel("add_rms_norm_terms_wide", AddRmsNormRow.Threads, groups: "T", Unroll = true)]
    [Instance("", typeof(SplitTerms))]
    [Instance("rounded", typeof(SingleTerm))]
    [Cuda("sm_80", SharedBytes = AddRmsNormRow.SumBytes)]
    public static void Wide<TTerms>(
        [Shape("T", "H")] ArrayView<float> residual,
        [Shape("T", "H", Optional = true)] ArrayView<float> delta,
        [Shape("H")] ArrayView<float> weight,
        [Shape("T", "H")] ArrayView<float> output,
        [Shape("R", "P")] ArrayView<ushort> terms,
        [Shape("R", "H", Optional = true)] ArrayView<ushort> rounded,
        [Shape("T", Optional = true)] ArrayView<int> faults,
        [Extent("T")] int rows,
        [Extent("H")] int width,
        [RowStride("output")] int outputStride,
        [Extent("R")] int termRows,
        [Extent("P")] int packed,
        int firstKept,
        float epsilon,
        int place,
        int ahead)
        where TTerms : struct, IActivationTerms =>
        Run<FourRowParts, TTerms>(residual, delta, rounded, weight, output, terms, faults, rows, width, outputStride, termRows, packed, firstKept, epsilon, place, ahead);

    private static void Run<TParts, TTerms>(
        ArrayView<float> residual,
        ArrayView<float> delta,
        ArrayView<ushort> rounded,
        ArrayView<float> weight,
        ArrayView<float> output,
        ArrayView<ushort> terms,
        ArrayView<int> faults,
        int rows,
        int width,
        int outputStride,
        int termRows,
        int packed,
        int firstKept,
        float epsilon,
        int place,
        int ahead)
        where TParts : struct, IRowParts
        where TTerms : struct, IActivationTerms
    {
        // Arrays first: behind a branch they would not become registers.
        var x = new float[TParts.Parts * AddRmsNormRow.Four];
        var weights = new float[TParts.Parts * AddRmsNormRow.Four];
        uint sums = CudaShared.Base();
        int roundedRows = TTerms.Count == 1 && rounded.Length > 0 ? termRows : 0;
        int before = AddRmsNormRow.Begin(residual, delta, rounded, faults, rows, width, roundedRows, ahead);
        AddRmsNormRow.Read<TParts>(x, residual, delta, rounded, width, roundedRows);
        AddRmsNormRow.Weights<TParts>(weights, weight, Group.IdxX * AddRmsNormRow.Four, width);
        AddRmsNormRow.Norm<TParts>(sums, x, weights, width, faults, Grid.IdxX, before, epsilon, place);
        if (Grid.IdxX >= firstKept)
        {
            AddRmsNormRow.Store<TParts>(x, width, output, (long)Grid.IdxX * outputStride);
        }

        if (Grid.IdxX < termRows)
        {
            Round<TParts, TTerms>(x, width, packed / TTerms.Count, terms, (long)Grid.IdxX * packed);
        }
    }

    /// <summary>Writes a thread's numbers of a row as terms; past the row's end zeros follow, up to a multiple of 64.</summary>
    internal static void Round<TParts, TTerms>(float[] x, int width, int half, ArrayView<ushort> terms, long target)
        where TParts : struct, IRowParts
        where TTerms : struct, IActivationTerms
    {
        for (int part = 0; part < TParts.Parts; part++)
        {
            int h = (Group.IdxX + (part * AddRmsNormRow.Threads)) * AddRmsNormRow.Four, at = part * AddRmsNormRow.Four;
            bool exists = h < width;
            U4 pairs = SplitProducts.Pairs(exists ? x[at] : 0f, exists ? x[at + 1] : 0f, exists ? x[at + 2] : 0f, exists ? x[at + 3] : 0f);
            if (h < half)
            {
                WideAccess.Store2(ref terms[target + h], pairs.X, pairs.Y);
                if (TTerms.Count == 2)
                {
                    WideAccess.Store2(ref terms[target + half + h], pairs.Z, pairs.W);
                }
            }
        }
    }
}
