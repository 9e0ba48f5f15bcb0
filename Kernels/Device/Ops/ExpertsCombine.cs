using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>The last step of grouped_experts, for either class of rows.</summary>
public static class ExpertsCombine
{
    private const int Threads = 256;

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

    /// <summary><see cref="Run"/>, four neighbours a thread; H is a multiple of 4.</summary>
    [Kernel("experts_combine_wide", Threads, groups: "T*H/1024")]
    [Cuda("sm_80")]
    public static void Wide(
        [Shape("T", "K")] ArrayView<int> places,
        [Shape("T", "K")] ArrayView<float> mix,
        [Shape("N", "H")] ArrayView<float> parts,
        [Shape("T", "H")] ArrayView<float> output,
        [Extent("T")] int rows,
        [Extent("K")] int topK,
        [Extent("H")] int width) =>
        Add(places, mix, parts, default, default, output, rows, topK, width, 0, isShared: false);

    /// <summary><see cref="WithShared"/>, four neighbours a thread; H is a multiple of 4.</summary>
    [Kernel("experts_combine_wide_shared", Threads, groups: "T*H/1024")]
    [Cuda("sm_80")]
    public static void WideWithShared(
        [Shape("T", "K")] ArrayView<int> places,
        [Shape("T", "K")] ArrayView<float> mix,
        [Shape("N", "H")] ArrayView<float> parts,
        [Shape("T", "H")] ArrayView<float> total,
        [Shape("T", "1")] ArrayView<float> gate,
        [Shape("T", "H")] ArrayView<float> output,
        [Extent("T")] int rows,
        [Extent("K")] int topK,
        [Extent("H")] int width,
        [RowStride("gate")] int gateStride) =>
        Add(places, mix, parts, total, gate, output, rows, topK, width, gateStride, isShared: true);

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

    private static void Add(
        ArrayView<int> places,
        ArrayView<float> mix,
        ArrayView<float> parts,
        ArrayView<float> total,
        ArrayView<float> gate,
        ArrayView<float> output,
        int rows,
        int topK,
        int width,
        int gateStride,
        bool isShared)
    {
        int fours = width / 4, own = (Grid.IdxX * Threads) + Group.IdxX, row = own / fours, h = (own - (row * fours)) * 4;
        if (row < rows)
        {
            long entry = (long)row * topK;
            float a = 0, b = 0, c = 0, d = 0;
            for (int r = 0; r < topK; r++)
            {
                // Some place is read where there is none, so that no load waits for a branch.
                int place = places[entry + r];
                float share = mix[entry + r];
                U4 part = WideAccess.Load(ref parts[((long)Math.Max(place, 0) * width) + h]);
                a = place >= 0 ? Scalar.Fma(share, Interop.IntAsFloat(part.X), a) : a;
                b = place >= 0 ? Scalar.Fma(share, Interop.IntAsFloat(part.Y), b) : b;
                c = place >= 0 ? Scalar.Fma(share, Interop.IntAsFloat(part.Z), c) : c;
                d = place >= 0 ? Scalar.Fma(share, Interop.IntAsFloat(part.W), d) : d;
            }

            if (isShared)
            {
                float scale = GateMath.Sigmoid(gate[(long)row * gateStride]);
                U4 part = WideAccess.Load(ref total[((long)row * width) + h]);
                a = Scalar.Fma(scale, Interop.IntAsFloat(part.X), a);
                b = Scalar.Fma(scale, Interop.IntAsFloat(part.Y), b);
                c = Scalar.Fma(scale, Interop.IntAsFloat(part.Z), c);
                d = Scalar.Fma(scale, Interop.IntAsFloat(part.W), d);
            }

            WideAccess.Store(ref output[((long)row * width) + h], a, b, c, d);
        }
    }
}
