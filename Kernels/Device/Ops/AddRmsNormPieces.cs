using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// <see cref="AddRmsNormRow"/> of generated rows, which go to the pieces that <see cref="LinearRowsWarpGroup"/> multiplies
/// (<see cref="RowTermPieces"/>) and nowhere else: a group has a row in registers, and no launch has to read it again.
/// </summary>
public static class AddRmsNormPieces
{
    private const int Block = 32;

    /// <summary>As <see cref="AddRmsNormRow.Narrow"/>. What stands for rows past the end stays as it is: a product's columns do not meet.</summary>
    /// <param name="residual">f32 [T, H]; H is a multiple of 8.</param>
    /// <param name="delta">f32 [T, H], or empty.</param>
    /// <param name="weight">f32 [H].</param>
    /// <param name="terms">Pairs of bf16; B pieces of eight rows by 32 along k, of whole tiles.</param>
    /// <param name="faults">i32 [T], or empty.</param>
    /// <param name="rows">T.</param>
    /// <param name="width">H.</param>
    /// <param name="blocks">Blocks of 32 along k; beyond H come zeros.</param>
    /// <param name="eights">Eights of rows of a tile.</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="place">The norm's number.</param>
    [Kernel("add_rms_norm_pieces_narrow", AddRmsNormRow.Threads, groups: "T", Unroll = true)]
    [Instance("", typeof(SplitTerms))]
    [Instance("rounded", typeof(SingleTerm))]
    [Cuda("sm_90a", SharedBytes = AddRmsNormRow.SumBytes, GroupsTogether = 4)]
    public static void Narrow<TTerms>(
        [Shape("T", "H")] ArrayView<float> residual,
        [Shape("T", "H", Optional = true)] ArrayView<float> delta,
        [Shape("H")] ArrayView<float> weight,
        [Shape("B", "W")] ArrayView<int> terms,
        [Shape("T", Optional = true)] ArrayView<int> faults,
        [Extent("T")] int rows,
        [Extent("H")] int width,
        int blocks,
        int eights,
        float epsilon,
        int place)
        where TTerms : struct, IActivationTerms => Run<OneRowPart, TTerms>(residual, delta, weight, terms, faults, rows, width, blocks, eights, epsilon, place);

    /// <summary>As <see cref="Narrow"/>; H is at most 8,192.</summary>
    [Kernel("add_rms_norm_pieces_wide", AddRmsNormRow.Threads, groups: "T", Unroll = true)]
    [Instance("", typeof(SplitTerms))]
    [Instance("rounded", typeof(SingleTerm))]
    [Cuda("sm_90a", SharedBytes = AddRmsNormRow.SumBytes)]
    public static void Wide<TTerms>(
        [Shape("T", "H")] ArrayView<float> residual,
        [Shape("T", "H", Optional = true)] ArrayView<float> delta,
        [Shape("H")] ArrayView<float> weight,
        [Shape("B", "W")] ArrayView<int> terms,
        [Shape("T", Optional = true)] ArrayView<int> faults,
        [Extent("T")] int rows,
        [Extent("H")] int width,
        int blocks,
        int eights,
        float epsilon,
        int place)
        where TTerms : struct, IActivationTerms => Run<FourRowParts, TTerms>(residual, delta, weight, terms, faults, rows, width, blocks, eights, epsilon, place);

    private static void Run<TParts, TTerms>(
        ArrayView<float> residual,
        ArrayView<float> delta,
        ArrayView<float> weight,
        ArrayView<int> terms,
        ArrayView<int> faults,
        int rows,
        int width,
        int blocks,
        int eights,
        float epsilon,
        int place)
        where TParts : struct, IRowParts
        where TTerms : struct, IActivationTerms
    {
        // Arrays first: behind a branch they would not become registers.
        var x = new float[TParts.Parts * AddRmsNormRow.Four];
        var weights = new float[TParts.Parts * AddRmsNormRow.Four];
        uint sums = CudaShared.Base();
        int before = AddRmsNormRow.Begin(residual, delta, default, faults, rows, width, 0, rows);
        AddRmsNormRow.Read<TParts>(x, residual, delta, default, width, 0);
        AddRmsNormRow.Weights<TParts>(weights, weight, Group.IdxX * AddRmsNormRow.Four, width);
        AddRmsNormRow.Norm<TParts>(sums, x, weights, width, faults, Grid.IdxX, before, epsilon, place);
        Leave<TParts, TTerms>(x, terms, width, blocks, eights);
    }

    /// <summary>Writes a thread's numbers of a row as terms.</summary>
    internal static void Leave<TParts, TTerms>(float[] x, ArrayView<int> terms, int width, int blocks, int eights)
        where TParts : struct, IRowParts
        where TTerms : struct, IActivationTerms
    {
        int eight = Grid.IdxX / 8, row = Grid.IdxX % 8;
        long tile = ((long)(eight / eights) * blocks * TTerms.Count * eights) + (eight % eights);
        for (int part = 0; part < TParts.Parts; part++)
        {
            int h = (Group.IdxX + (part * AddRmsNormRow.Threads)) * AddRmsNormRow.Four, at = part * AddRmsNormRow.Four;
            bool exists = h < width;
            U4 pairs = SplitProducts.Pairs(exists ? x[at] : 0f, exists ? x[at + 1] : 0f, exists ? x[at + 2] : 0f, exists ? x[at + 3] : 0f);
            if (h < blocks * Block)
            {
                // Two words of the eight along k that a lane of RowTermPieces has.
                long to = ((tile + ((long)(h / Block) * TTerms.Count * eights)) * RowTermPieces.Words) + (h % 8 / 4 * 2 * Block) + (row * 4) + (h % Block / 8);
                terms[to] = (int)pairs.X;
                terms[to + Block] = (int)pairs.Y;
                if (TTerms.Count == 2)
                {
                    terms[to + (eights * RowTermPieces.Words)] = (int)pairs.Z;
                    terms[to + (eights * RowTermPieces.Words) + Block] = (int)pairs.W;
                }
            }
        }
    }
}
