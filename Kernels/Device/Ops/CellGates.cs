using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// The gates of a cell of 64 rows and a head, in shared memory: β_i, and γ_i = Σ_{p≤i} g_p as two floats, since it runs to
/// hundreds and its small differences matter. Rows past the end have β = 0 and g = 0.
/// </summary>
public static class CellGates
{
    /// <summary>Floats of a cell.</summary>
    public const int Words = 4 * Cell;

    private const int Cell = DeltaRuleLayout.Cell;
    private const int Gamma = 0;
    private const int GammaRest = Cell;
    private const int BetaAt = 2 * Cell;
    private const int Logs = 3 * Cell;

    /// <summary>Computes them; every thread of a group calls it, and it begins and ends with a barrier.</summary>
    /// <param name="gates">Where to, for the head of this thread.</param>
    /// <param name="thread">Which of the head's threads; the first 64 compute.</param>
    /// <param name="rate">exp(A_log).</param>
    /// <param name="bias">dt_bias.</param>
    /// <param name="b">β before its sigmoid.</param>
    /// <param name="bRow">The first row's.</param>
    /// <param name="bStride">Elements from row to row.</param>
    /// <param name="a">The decay's input.</param>
    /// <param name="aRow">The first row's.</param>
    /// <param name="aStride">Elements from row to row.</param>
    /// <param name="count">Rows that exist, at least one.</param>
    public static void Write(
        ArrayView<float> gates, int thread, float rate, float bias, ArrayView<float> b, long bRow, int bStride, ArrayView<float> a, long aRow, int aStride, int count)
    {
        int row = Math.Min(thread, count - 1);
        Group.Barrier();
        if (thread < Cell)
        {
            float g = GateMath.LogDecay(rate, a[aRow + ((long)row * aStride)], bias), beta = GateMath.Sigmoid(b[bRow + ((long)row * bStride)]);
            gates[Logs + thread] = thread < count ? g : 0f;
            gates[BetaAt + thread] = thread < count ? beta : 0f;
        }

        Group.Barrier();
        if (thread < Cell)
        {
            float sum = 0, rest = 0;
            for (int i = 0; i < Cell; i++)
            {
                // Rows behind this one add nothing, exactly.
                float g = i <= thread ? gates[Logs + i] : 0f, next = sum + g, added = next - sum;
                rest += (sum - (next - added)) + (g - added);
                sum = next;
            }

            gates[Gamma + thread] = sum;
            gates[GammaRest + thread] = rest;
        }

        Group.Barrier();
    }

    /// <summary>β of a row.</summary>
    public static float Beta(ArrayView<float> gates, int row) => gates[BetaAt + row];

    /// <summary>e^γ of a row.</summary>
    public static float Fade(ArrayView<float> gates, int row) => GateMath.Exp(gates[Gamma + row], gates[GammaRest + row]);

    /// <summary>e^(γ_i − γ_p); overflows where i is before p.</summary>
    public static float Between(ArrayView<float> gates, int i, int p) =>
        GateMath.Exp(gates[Gamma + i] - gates[Gamma + p], gates[GammaRest + i] - gates[GammaRest + p]);
}
