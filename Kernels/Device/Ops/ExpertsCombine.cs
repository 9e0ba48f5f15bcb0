using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>The last step of grouped_experts, for either class of rows.</summary>
public static class ExpertsCombine
{
    private const int Threads = 256;

    /// <summary>Ranks whose parts are on their way.</summary>
    internal const int Together = 8;

    /// <summary>output[t, h] = Σ_r mix[t, r] · parts[places[t, r], h], in the order of the ranks; entries without a place add nothing.</summary>
    [Kernel("experts_combine", Threads, groups: "T", groupsY: "H/256")]
    public static void Run(
        [Shape("T", "K")] ArrayView<int> places,
        [Shape("T", "K")] ArrayView<float> mix,
        [Shape("N", "H")] ArrayView<float> parts,
        [Shape("T", "H")] ArrayView<float> output,
        [Extent("K")] int topK,
        [Extent("H")] int width)
    {
        int h = (Grid.IdxY * Threads) + Group.IdxX;
        long entry = (long)Grid.IdxX * topK;
        if (h < width)
        {
            float sum = Sum(places, mix, parts, entry, topK, width, h);
            output[((long)Grid.IdxX * width) + h] = sum;
        }
    }

    /// <summary>
    /// The same with the shared expert: output[t, h] = sigmoid(gate[t]) · total[t, h] + that sum, in one rounding, as the last
    /// product of gated_mlp adds it.
    /// </summary>
    [Kernel("experts_combine_shared", Threads, groups: "T", groupsY: "H/256")]
    public static void WithShared(
        [Shape("T", "K")] ArrayView<int> places,
        [Shape("T", "K")] ArrayView<float> mix,
        [Shape("N", "H")] ArrayView<float> parts,
        [Shape("T", "H")] ArrayView<float> total,
        [Shape("T", "1")] ArrayView<float> gate,
        [Shape("T", "H")] ArrayView<float> output,
        [Extent("K")] int topK,
        [Extent("H")] int width,
        [RowStride("gate")] int gateStride)
    {
        int h = (Grid.IdxY * Threads) + Group.IdxX;
        long entry = (long)Grid.IdxX * topK, at = ((long)Grid.IdxX * width) + h;
        if (h < width)
        {
            float sum = Sum(places, mix, parts, entry, topK, width, h);
            output[at] = Scalar.Fma(GateMath.Sigmoid(gate[(long)Grid.IdxX * gateStride]), total[at], sum);
        }
    }

    /// <summary>
    /// <see cref="Run"/>, four neighbours a thread; H is a multiple of 4. Parts may be bf16. Where <paramref name="isEarly"/> is not 0, places, mix and gate are there
    /// before the launch before has ended: it let this one begin only after it had waited itself.
    /// </summary>
    [Kernel("experts_combine_wide", Threads, groups: "T*H/1024", Unroll = true)]
    [Cuda("sm_80")]
    [Instance("", typeof(F32Row), typeof(float))]
    [Instance("bf16", typeof(BF16Row), typeof(ushort))]
    public static void Wide<TFormat, TElement>(
        [Shape("T", "K")] ArrayView<int> places,
        [Shape("T", "K")] ArrayView<float> mix,
        [Shape("N", "H")] ArrayView<TElement> parts,
        [Shape("T", "H")] ArrayView<float> output,
        [Extent("T")] int rows,
        [Extent("K")] int topK,
        [Extent("H")] int width,
        int isEarly)
        where TFormat : struct, IRowFormat<TElement>
        where TElement : unmanaged =>
        Add<TFormat, TElement>(places, mix, parts, default, default, output, rows, topK, width, 0, isEarly, isShared: false);

    /// <summary><see cref="WithShared"/>, likewise.</summary>
    [Kernel("experts_combine_wide_shared", Threads, groups: "T*H/1024", Unroll = true)]
    [Cuda("sm_80")]
    [Instance("", typeof(F32Row), typeof(float))]
    [Instance("bf16", typeof(BF16Row), typeof(ushort))]
    public static void WideWithShared<TFormat, TElement>(
        [Shape("T", "K")] ArrayView<int> places,
        [Shape("T", "K")] ArrayView<float> mix,
        [Shape("N", "H")] ArrayView<TElement> parts,
        [Shape("T", "H")] ArrayView<TElement> total,
        [Shape("T", "1")] ArrayView<float> gate,
        [Shape("T", "H")] ArrayView<float> output,
        [Extent("T")] int rows,
        [Extent("K")] int topK,
        [Extent("H")] int width,
        [RowStride("gate")] int gateStride,
        int isEarly)
        where TFormat : struct, IRowFormat<TElement>
        where TElement : unmanaged =>
        Add<TFormat, TElement>(places, mix, parts, total, gate, output, rows, topK, width, gateStride, isEarly, isShared: true);

    private static float Sum(ArrayView<int> places, ArrayView<float> mix, ArrayView<float> parts, long entry, int topK, int width, int h)
    {
        float sum = 0;
        for (int r = 0; r < topK; r++)
        {
            int place = places[entry + r];
            sum = place >= 0 ? Scalar.Fma(mix[entry + r], parts[((long)place * width) + h], sum) : sum;
        }

        return sum;
    }

    private static void Add<TFormat, TElement>(
        ArrayView<int> places,
        ArrayView<float> mix,
        ArrayView<TElement> parts,
        ArrayView<TElement> total,
        ArrayView<float> gate,
        ArrayView<float> output,
        int rows,
        int topK,
        int width,
        int gateStride,
        int isEarly,
        bool isShared)
        where TFormat : struct, IRowFormat<TElement>
        where TElement : unmanaged
    {
        DependentLaunch.Allow();
        if (isEarly == 0)
        {
            DependentLaunch.Wait();
        }

        int fours = width / 4, own = (Grid.IdxX * Threads) + Group.IdxX, row = own / fours, h = (own - (row * fours)) * 4;
        bool isThere = row < rows;
        row = isThere ? row : 0;
        long entry = (long)row * topK, at = ((long)row * width) + h;
        var from = new int[Together];
        var share = new float[Together];
        var part = new uint[4 * Together];
        float a = 0, b = 0, c = 0, d = 0, scale = isShared ? GateMath.Sigmoid(WideAccess.Fresh(ref gate[(long)row * gateStride])) : 0;
        Read(from, share, places, mix, entry, 0, topK);
        DependentLaunch.Wait();
        U4 last = default;
        if (isShared)
        {
            last = TFormat.Load(total, at);
        }

        for (int first = 0; first < topK; first += Together)
        {
            if (first > 0)
            {
                Read(from, share, places, mix, entry, first, topK);
            }

            Load<TFormat, TElement>(part, from, parts, first, topK, width, h);
            a = Sum(a, 0, part, from, share);
            b = Sum(b, 1, part, from, share);
            c = Sum(c, 2, part, from, share);
            d = Sum(d, 3, part, from, share);
        }

        if (isShared)
        {
            a = Scalar.Fma(scale, Interop.IntAsFloat(last.X), a);
            b = Scalar.Fma(scale, Interop.IntAsFloat(last.Y), b);
            c = Scalar.Fma(scale, Interop.IntAsFloat(last.Z), c);
            d = Scalar.Fma(scale, Interop.IntAsFloat(last.W), d);
        }

        if (isThere)
        {
            WideAccess.Store(ref output[at], a, b, c, d);
        }
    }

    /// <summary>Four neighbours of what so many ranks' experts gave.</summary>
    internal static void Load<TFormat, TElement>(uint[] part, int[] from, ArrayView<TElement> parts, int first, int topK, int width, int h)
        where TFormat : struct, IRowFormat<TElement>
        where TElement : unmanaged
    {
        for (int j = 0; j < Together; j++)
        {
            if (first + j < topK)
            {
                // Some place is read where there is none, so that no load waits for a branch.
                U4 four = TFormat.Load(parts, ((long)Math.Max(from[j], 0) * width) + h);
                part[j * 4] = four.X;
                part[(j * 4) + 1] = four.Y;
                part[(j * 4) + 2] = four.Z;
                part[(j * 4) + 3] = four.W;
            }
        }
    }

    /// <summary>Adds those ranks' to one of the four.</summary>
    internal static float Sum(float sum, int which, uint[] part, int[] from, float[] share)
    {
        for (int j = 0; j < Together; j++)
        {
            sum = from[j] >= 0 ? Scalar.Fma(share[j], Interop.IntAsFloat(part[(j * 4) + which]), sum) : sum;
        }

        return sum;
    }

    /// <summary>The places and weights of so many ranks; those that do not exist have no place.</summary>
    internal static void Read(int[] from, float[] share, ArrayView<int> places, ArrayView<float> mix, long entry, int first, int topK)
    {
        for (int j = 0; j < Together; j++)
        {
            long at = entry + Math.Min(first + j, topK - 1);
            int place = WideAccess.Fresh(ref places[at]);
            from[j] = first + j < topK ? place : -1;
            share[j] = WideAccess.Fresh(ref mix[at]);
        }
    }
}
