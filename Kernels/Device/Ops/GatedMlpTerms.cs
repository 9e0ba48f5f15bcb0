using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// What stands between the products of gated_mlp's prompt rows, where those run on tensor cores; on Hopper <see cref="GateUpWarpGroup"/>
/// has the first half of it.
/// </summary>
public static class GatedMlpTerms
{
    private const int Threads = 256;

    /// <summary>
    /// inner[t, i] = silu(x·gate_i) · (x·up_i) as terms (<see cref="ActivationTerms"/>), from the products: those with
    /// the gates' rows come first.
    /// </summary>
    [Kernel("mlp_terms", Threads, groups: "T")]
    [Instance("", typeof(SplitTerms))]
    [Instance("rounded", typeof(SingleTerm))]
    public static void Inner<TTerms>(
        [Shape("T", "W")] ArrayView<float> products,
        [Shape("T", "P")] ArrayView<int> terms,
        [Extent("W")] int both,
        [Extent("P")] int pairs)
        where TTerms : struct, IActivationTerms
    {
        long gates = (long)Grid.IdxX * both, to = (long)Grid.IdxX * pairs;
        int width = both / 2, half = pairs / TTerms.Count;
        for (int pair = Group.IdxX; pair < half; pair += Threads)
        {
            // Past the end zeros follow.
            int k = pair * 2, first = Math.Min(k, width - 1), second = Math.Min(k + 1, width - 1);
            float low = GateMath.Silu(products[gates + first]) * products[gates + width + first];
            float high = GateMath.Silu(products[gates + second]) * products[gates + width + second];
            low = k < width ? low : 0;
            high = k + 1 < width ? high : 0;
            uint term = BF16.Pack(low, high);
            terms[to + pair] = (int)term;
            if (TTerms.Count == 2)
            {
                terms[to + half + pair] = (int)BF16.Pack(low - BF16.Low(term), high - BF16.High(term));
            }
        }
    }

    /// <summary>output[t, n] = add[t, n] + sigmoid(gate[t]) · product[t, n]; no gate counts as 1, nothing to add as 0.</summary>
    [Kernel("mlp_combine", Threads, groups: "T")]
    public static void Combine(
        [Shape("T", "N")] ArrayView<float> product,
        [Shape("T", "1", Optional = true)] ArrayView<float> gate,
        [Shape("T", "N", Optional = true)] ArrayView<float> add,
        [Shape("T", "N")] ArrayView<float> output,
        [Extent("N")] int outputs,
        [RowStride("gate")] int gateStride,
        [RowStride("add")] int addStride,
        [RowStride("output")] int outputStride)
    {
        long row = Grid.IdxX;
        float scale = gate.Length > 0 ? GateMath.Sigmoid(gate[row * gateStride]) : 1;
        for (int n = Group.IdxX; n < outputs; n += Threads)
        {
            float sum = add.Length > 0 ? add[(row * addStride) + n] : 0;
            output[(row * outputStride) + n] = Scalar.Fma(scale, product[(row * outputs) + n], sum);
        }
    }
}
