using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// <see cref="ActivationTerms"/> and <see cref="GatedMlpTerms"/> on cards since Ampere, where rows begin at
/// multiples of 16 bytes: a thread takes four or eight neighbours, whichever row they are in. Every number is computed alike.
/// </summary>
public static class ActivationTermsWide
{
    private const int Threads = 256;
    private const int Own = 8;

    /// <summary>As <see cref="ActivationTerms"/>; K is a multiple of 8.</summary>
    [Kernel("activation_terms_wide", Threads, groups: "T*P/4096")]
    [Cuda("sm_80")]
    public static void Split(
        [Shape("T", "K")] ArrayView<float> x,
        [Shape("T", "P")] ArrayView<ushort> terms,
        [Extent("T")] int rows,
        [Extent("K")] int inputs,
        [Extent("P")] int packed,
        [RowStride("x")] int xStride) =>
        SplitTo<SplitTerms>(x, terms, rows, inputs, packed, xStride);

    /// <summary>The same, to single terms.</summary>
    [Kernel("activation_terms_wide_rounded", Threads, groups: "T*P/2048")]
    [Cuda("sm_80")]
    public static void SplitRounded(
        [Shape("T", "K")] ArrayView<float> x,
        [Shape("T", "P")] ArrayView<ushort> terms,
        [Extent("T")] int rows,
        [Extent("K")] int inputs,
        [Extent("P")] int packed,
        [RowStride("x")] int xStride) =>
        SplitTo<SingleTerm>(x, terms, rows, inputs, packed, xStride);

    /// <summary>As <see cref="GatedMlpTerms.Inner"/>; I is a multiple of 8.</summary>
    [Kernel("mlp_terms_wide", Threads, groups: "T*P/4096")]
    [Cuda("sm_80")]
    public static void Inner(
        [Shape("T", "W")] ArrayView<float> products,
        [Shape("T", "P")] ArrayView<ushort> terms,
        [Extent("T")] int rows,
        [Extent("W")] int both,
        [Extent("P")] int packed) =>
        InnerTo<SplitTerms>(products, terms, rows, both, packed);

    /// <summary>The same, to single terms.</summary>
    [Kernel("mlp_terms_wide_rounded", Threads, groups: "T*P/2048")]
    [Cuda("sm_80")]
    public static void InnerRounded(
        [Shape("T", "W")] ArrayView<float> products,
        [Shape("T", "P")] ArrayView<ushort> terms,
        [Extent("T")] int rows,
        [Extent("W")] int both,
        [Extent("P")] int packed) =>
        InnerTo<SingleTerm>(products, terms, rows, both, packed);

    /// <summary>As <see cref="GatedMlpTerms.Combine"/>, with both a gate and something to add; N is a multiple of 4.</summary>
    [Kernel("mlp_combine_wide", Threads, groups: "T*N/1024")]
    [Cuda("sm_80")]
    public static void Combine(
        [Shape("T", "N")] ArrayView<float> product,
        [Shape("T", "1")] ArrayView<float> gate,
        [Shape("T", "N")] ArrayView<float> add,
        [Shape("T", "N")] ArrayView<float> output,
        [Extent("T")] int rows,
        [Extent("N")] int outputs,
        [RowStride("gate")] int gateStride,
        [RowStride("add")] int addStride,
        [RowStride("output")] int outputStride)
    {
        int fours = outputs / 4, own = (Grid.IdxX * Threads) + Group.IdxX, row = own / fours, n = (own - (row * fours)) * 4;
        if (row < rows)
        {
            U4 x = WideAccess.Load(ref product[((long)row * outputs) + n]), sum = WideAccess.Load(ref add[((long)row * addStride) + n]);
            float scale = GateMath.Sigmoid(gate[(long)row * gateStride]);
            WideAccess.Store(
                ref output[((long)row * outputStride) + n],
                Scalar.Fma(scale, Interop.IntAsFloat(x.X), Interop.IntAsFloat(sum.X)),
                Scalar.Fma(scale, Interop.IntAsFloat(x.Y), Interop.IntAsFloat(sum.Y)),
                Scalar.Fma(scale, Interop.IntAsFloat(x.Z), Interop.IntAsFloat(sum.Z)),
                Scalar.Fma(scale, Interop.IntAsFloat(x.W), Interop.IntAsFloat(sum.W)));
        }
    }

    private static void SplitTo<TTerms>(
        ArrayView<float> x,
        ArrayView<ushort> terms,
        int rows,
        int inputs,
        int packed,
        int xStride)
        where TTerms : struct, IActivationTerms
    {
        int half = packed / TTerms.Count, eights = half / Own, own = (Grid.IdxX * Threads) + Group.IdxX, row = own / eights, k = (own - (row * eights)) * Own;
        if (row < rows)
        {
            // Past the end zeros follow.
            long from = ((long)row * xStride) + Math.Min(k, inputs - Own), to = ((long)row * packed) + k;
            U4 first = WideAccess.Load(ref x[from]), second = WideAccess.Load(ref x[from + 4]);
            bool exists = k < inputs;
            Store<TTerms>(terms, to, half, Word(first.X, exists), Word(first.Y, exists), Word(first.Z, exists), Word(first.W, exists),
                Word(second.X, exists), Word(second.Y, exists), Word(second.Z, exists), Word(second.W, exists));
        }
    }

    private static void InnerTo<TTerms>(
        ArrayView<float> products,
        ArrayView<ushort> terms,
        int rows,
        int both,
        int packed)
        where TTerms : struct, IActivationTerms
    {
        int half = packed / TTerms.Count, eights = half / Own, own = (Grid.IdxX * Threads) + Group.IdxX, row = own / eights, k = (own - (row * eights)) * Own;
        int width = both / 2;
        if (row < rows)
        {
            long from = ((long)row * both) + Math.Min(k, width - Own), to = ((long)row * packed) + k;
            U4 gates = WideAccess.Load(ref products[from]), moreGates = WideAccess.Load(ref products[from + 4]);
            U4 ups = WideAccess.Load(ref products[from + width]), moreUps = WideAccess.Load(ref products[from + width + 4]);
            bool exists = k < width;
            Store<TTerms>(terms, to, half, Inner(gates.X, ups.X, exists), Inner(gates.Y, ups.Y, exists), Inner(gates.Z, ups.Z, exists), Inner(gates.W, ups.W, exists),
                Inner(moreGates.X, moreUps.X, exists), Inner(moreGates.Y, moreUps.Y, exists), Inner(moreGates.Z, moreUps.Z, exists), Inner(moreGates.W, moreUps.W, exists));
        }
    }

    private static float Word(uint bits, bool exists) => exists ? Interop.IntAsFloat(bits) : 0f;

    private static float Inner(uint gate, uint up, bool exists) => exists ? GateMath.Silu(Interop.IntAsFloat(gate)) * Interop.IntAsFloat(up) : 0f;

    private static void Store<TTerms>(ArrayView<ushort> terms, long to, int half, float a, float b, float c, float d, float e, float f, float g, float h)
        where TTerms : struct, IActivationTerms
    {
        U4 front = SplitProducts.Pairs(a, b, c, d), back = SplitProducts.Pairs(e, f, g, h);
        var high = default(U4);
        high.X = front.X;
        high.Y = front.Y;
        high.Z = back.X;
        high.W = back.Y;
        var low = default(U4);
        low.X = front.Z;
        low.Y = front.W;
        low.Z = back.Z;
        low.W = back.W;
        WideAccess.Store(ref terms[to], high);
        if (TTerms.Count == 2)
        {
            WideAccess.Store(ref terms[to + half], low);
        }
    }
}
