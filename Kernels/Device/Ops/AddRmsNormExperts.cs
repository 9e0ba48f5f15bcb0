using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// <see cref="AddRmsNormRow"/>, <see cref="AddRmsNormPieces"/> and <see cref="AddRmsNormTerms"/> of what a mixture of experts gave: a group adds up
/// what its row's experts and the shared one gave, in the order of <see cref="ExpertsCombine.WideWithShared"/>, and goes on with the sums, which
/// never lie in memory. Where it is said, places, mix and gate are there before the launch before has ended, as they are for that kernel.
/// </summary>
public static class AddRmsNormExperts
{
    /// <summary>residual += sigmoid(gate) · total + Σ_r mix[r] · parts[places[r]]; the rest as <see cref="AddRmsNormRow.Narrow"/>.</summary>
    /// <param name="residual">f32 [T, H]; H is a multiple of 4, rows begin at multiples of 16 bytes.</param>
    /// <param name="places">i32 [T, K]; below 0 where nothing is added.</param>
    /// <param name="mix">f32 [T, K].</param>
    /// <param name="parts">f32 or bf16 [N, H].</param>
    /// <param name="total">Likewise [T, H]: what the shared expert gave.</param>
    /// <param name="gate">f32 [T, 1].</param>
    /// <param name="weight">f32 [H].</param>
    /// <param name="output">f32 [T, H].</param>
    /// <param name="faults">i32 [T], or empty.</param>
    /// <param name="topK">K, at least 1.</param>
    /// <param name="width">H, at most 2,048 for the narrow instances and 8,192 for the wide ones.</param>
    /// <param name="gateStride">Elements from a row to the next.</param>
    /// <param name="outputStride">Likewise.</param>
    /// <param name="isEarly">Not 0 where places, mix and gate are there before the launch before has ended.</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="place">The norm's number.</param>
    [Kernel("add_rms_norm_experts", AddRmsNormRow.Threads, groups: "T", Unroll = true)]
    [Instance("narrow", typeof(OneRowPart), typeof(F32Row), typeof(float))]
    [Instance("narrow_bf16", typeof(OneRowPart), typeof(BF16Row), typeof(ushort))]
    [Instance("wide", typeof(FourRowParts), typeof(F32Row), typeof(float))]
    [Instance("wide_bf16", typeof(FourRowParts), typeof(BF16Row), typeof(ushort))]
    [Cuda("sm_90a", SharedBytes = AddRmsNormRow.SumBytes)]
    public static void Run<TParts, TFormat, TElement>(
        [Shape("T", "H")] ArrayView<float> residual,
        [Shape("T", "K")] ArrayView<int> places,
        [Shape("T", "K")] ArrayView<float> mix,
        [Shape("N", "H")] ArrayView<TElement> parts,
        [Shape("T", "H")] ArrayView<TElement> total,
        [Shape("T", "1")] ArrayView<float> gate,
        [Shape("H")] ArrayView<float> weight,
        [Shape("T", "H")] ArrayView<float> output,
        [Shape("T", Optional = true)] ArrayView<int> faults,
        [Extent("K")] int topK,
        [Extent("H")] int width,
        [RowStride("gate")] int gateStride,
        [RowStride("output")] int outputStride,
        int isEarly,
        float epsilon,
        int place)
        where TParts : struct, IRowParts
        where TFormat : struct, IRowFormat<TElement>
        where TElement : unmanaged
    {
        var x = new float[TParts.Parts * AddRmsNormRow.Four];
        var weights = new float[TParts.Parts * AddRmsNormRow.Four];
        uint sums = CudaShared.Base();
        AddRmsNormRow.Weights<TParts>(weights, weight, Group.IdxX * AddRmsNormRow.Four, width);
        int before = Add<TParts, TFormat, TElement>(x, residual, places, mix, parts, total, gate, faults, topK, width, gateStride, isEarly);
        AddRmsNormRow.Finish<TParts>(sums, x, weights, width, output, (long)Grid.IdxX * outputStride, faults, before, epsilon, place);
    }

    /// <summary>The same into the terms that products of generated rows multiply: see <see cref="AddRmsNormPieces.Narrow"/>.</summary>
    [Kernel("add_rms_norm_experts_pieces", AddRmsNormRow.Threads, groups: "T", Unroll = true)]
    [Instance("narrow", typeof(OneRowPart), typeof(SplitTerms))]
    [Instance("narrow_rounded", typeof(OneRowPart), typeof(SingleTerm))]
    [Instance("wide", typeof(FourRowParts), typeof(SplitTerms))]
    [Instance("wide_rounded", typeof(FourRowParts), typeof(SingleTerm))]
    [Cuda("sm_90a", SharedBytes = AddRmsNormRow.SumBytes)]
    public static void RunToPieces<TParts, TTerms>(
        [Shape("T", "H")] ArrayView<float> residual,
        [Shape("T", "K")] ArrayView<int> places,
        [Shape("T", "K")] ArrayView<float> mix,
        [Shape("N", "H")] ArrayView<float> parts,
        [Shape("T", "H")] ArrayView<float> total,
        [Shape("T", "1")] ArrayView<float> gate,
        [Shape("H")] ArrayView<float> weight,
        [Shape("B", "W")] ArrayView<int> terms,
        [Shape("T", Optional = true)] ArrayView<int> faults,
        [Extent("K")] int topK,
        [Extent("H")] int width,
        [RowStride("gate")] int gateStride,
        int blocks,
        int eights,
        int isEarly,
        float epsilon,
        int place)
        where TParts : struct, IRowParts
        where TTerms : struct, IActivationTerms
    {
        var x = new float[TParts.Parts * AddRmsNormRow.Four];
        var weights = new float[TParts.Parts * AddRmsNormRow.Four];
        uint sums = CudaShared.Base();
        AddRmsNormRow.Weights<TParts>(weights, weight, Group.IdxX * AddRmsNormRow.Four, width);
        int before = Add<TParts, F32Row, float>(x, residual, places, mix, parts, total, gate, faults, topK, width, gateStride, isEarly);
        AddRmsNormRow.Norm<TParts>(sums, x, weights, width, faults, Grid.IdxX, before, epsilon, place);
        AddRmsNormPieces.Leave<TParts, TTerms>(x, terms, width, blocks, eights);
    }

    /// <summary>
    /// The same of a prompt's rows into the terms that their products multiply: see <see cref="AddRmsNormTerms.Narrow"/>. H is at most 8,192. Narrow rows go to
    /// <see cref="AddRmsNormExpertsRing"/> where two of them fit; those that do not are read here four times, of which one counts.
    /// </summary>
    [Kernel("add_rms_norm_experts_terms", AddRmsNormRow.Threads, groups: "T", Unroll = true)]
    [Instance("", typeof(SplitTerms), typeof(F32Row), typeof(float))]
    [Instance("rounded", typeof(SingleTerm), typeof(BF16Row), typeof(ushort))]
    [Cuda("sm_90a", SharedBytes = AddRmsNormRow.SumBytes, GroupsTogether = 2)]
    public static void RunToTerms<TTerms, TFormat, TElement>(
        [Shape("T", "H")] ArrayView<float> residual,
        [Shape("T", "K")] ArrayView<int> places,
        [Shape("T", "K")] ArrayView<float> mix,
        [Shape("N", "H")] ArrayView<TElement> parts,
        [Shape("T", "H")] ArrayView<TElement> total,
        [Shape("T", "1")] ArrayView<float> gate,
        [Shape("H")] ArrayView<float> weight,
        [Shape("T", "H")] ArrayView<float> output,
        [Shape("T", "P")] ArrayView<ushort> terms,
        [Shape("T", Optional = true)] ArrayView<int> faults,
        [Extent("K")] int topK,
        [Extent("H")] int width,
        [RowStride("gate")] int gateStride,
        [RowStride("output")] int outputStride,
        [Extent("P")] int packed,
        int isRead,
        int isEarly,
        float epsilon,
        int place)
        where TTerms : struct, IActivationTerms
        where TFormat : struct, IRowFormat<TElement>
        where TElement : unmanaged
    {
        var x = new float[FourRowParts.Parts * AddRmsNormRow.Four];
        var weights = new float[FourRowParts.Parts * AddRmsNormRow.Four];
        uint sums = CudaShared.Base();
        int before = Add<FourRowParts, TFormat, TElement>(x, residual, places, mix, parts, total, gate, faults, topK, width, gateStride, isEarly);

        // Behind the parts, for which a thread needs its registers: two groups run at a time.
        AddRmsNormRow.Weights<FourRowParts>(weights, weight, Group.IdxX * AddRmsNormRow.Four, width);
        AddRmsNormRow.Norm<FourRowParts>(sums, x, weights, width, faults, Grid.IdxX, before, epsilon, place);
        if (isRead != 0)
        {
            AddRmsNormRow.Store<FourRowParts>(x, width, output, (long)Grid.IdxX * outputStride);
        }

        AddRmsNormTerms.Round<FourRowParts, TTerms>(x, width, packed / TTerms.Count, terms, (long)Grid.IdxX * packed);
    }

    // The row's sums with the residual, which they go back to.
    private static int Add<TParts, TFormat, TElement>(
        float[] x,
        ArrayView<float> residual,
        ArrayView<int> places,
        ArrayView<float> mix,
        ArrayView<TElement> parts,
        ArrayView<TElement> total,
        ArrayView<float> gate,
        ArrayView<int> faults,
        int topK,
        int width,
        int gateStride,
        int isEarly)
        where TParts : struct, IRowParts
        where TFormat : struct, IRowFormat<TElement>
        where TElement : unmanaged
    {
        var from = new int[ExpertsCombine.Together];
        var share = new float[ExpertsCombine.Together];
        var part = new uint[ExpertsCombine.Together * AddRmsNormRow.Four];
        long entry = (long)Grid.IdxX * topK;
        AddRmsNormRow.Ask(residual, width);
        if (isEarly == 0)
        {
            DependentLaunch.Wait();
        }

        ExpertsCombine.Read(from, share, places, mix, entry, 0, topK);
        float scale = GateMath.Sigmoid(WideAccess.Fresh(ref gate[(long)Grid.IdxX * gateStride]));
        int before = AddRmsNormRow.WaitNoted(faults);
        for (int p = 0; p < TParts.Parts; p++)
        {
            int h = (Group.IdxX + (p * AddRmsNormRow.Threads)) * AddRmsNormRow.Four, column = Math.Min(h, width - AddRmsNormRow.Four);
            long own = ((long)Grid.IdxX * width) + column;
            U4 old = WideAccess.Load(ref residual[own]), last = TFormat.Load(total, own);
            float a = 0, b = 0, c = 0, d = 0;
            for (int first = 0; first < topK; first += ExpertsCombine.Together)
            {
                if (p > 0 || first > 0)
                {
                    ExpertsCombine.Read(from, share, places, mix, entry, first, topK);
                }

                ExpertsCombine.Load<TFormat, TElement>(part, from, parts, first, topK, width, column);
                a = ExpertsCombine.Sum(a, 0, part, from, share);
                b = ExpertsCombine.Sum(b, 1, part, from, share);
                c = ExpertsCombine.Sum(c, 2, part, from, share);
                d = ExpertsCombine.Sum(d, 3, part, from, share);
            }

            a = Scalar.Fma(scale, Interop.IntAsFloat(last.X), a);
            b = Scalar.Fma(scale, Interop.IntAsFloat(last.Y), b);
            c = Scalar.Fma(scale, Interop.IntAsFloat(last.Z), c);
            d = Scalar.Fma(scale, Interop.IntAsFloat(last.W), d);
            AddRmsNormRow.Keep(x, p * AddRmsNormRow.Four, old, a, b, c, d, residual, own, h < width);
        }

        return before;
    }
}
