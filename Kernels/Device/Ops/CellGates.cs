using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>What a head's gates of a row are computed of: memory is far, so it is asked for early.</summary>
public struct RawGates
{
    /// <summary>A_log.</summary>
    public float Decay;

    /// <summary>dt_bias.</summary>
    public float TimeBias;

    /// <summary>β before its sigmoid.</summary>
    public float B;

    /// <summary>The decay's input.</summary>
    public float A;
}

/// <summary>
/// The gates of a cell of 64 rows and a head, in shared memory: β_i, and log₂e · γ_i with γ_i = Σ_{p≤i} g_p as two floats, since it runs to
/// hundreds and its small differences matter. The order of a sum follows from i alone: within 32 rows each adds what the row 1, then 2, 4, 8
/// and 16 before it has; rows from 32 on then add the first half's. Rows past the end have β = 0 and g = 0.
/// </summary>
public static class CellGates
{
    /// <summary>Floats of a cell.</summary>
    public const int Words = (3 * Cell) + 2;

    private const int Cell = DeltaRuleLayout.Cell;
    private const int Gamma = 0;
    private const int GammaRest = Cell;
    private const int BetaAt = 2 * Cell;

    // Σ of the first 32 rows.
    private const int Half = 3 * Cell;

    /// <summary>Asks for what a row's gates are made of.</summary>
    /// <param name="decay">A_log of all heads.</param>
    /// <param name="timeBias">dt_bias of all heads.</param>
    /// <param name="b">β before its sigmoid.</param>
    /// <param name="bStride">Elements from row to row.</param>
    /// <param name="a">The decay's input.</param>
    /// <param name="aStride">Elements from row to row.</param>
    /// <param name="firstRow">The cell's first row.</param>
    /// <param name="count">Rows that exist, at least one.</param>
    /// <param name="head">The head of this thread.</param>
    /// <param name="thread">Which of the head's threads.</param>
    public static RawGates Bring(
        ArrayView<float> decay, ArrayView<float> timeBias, ArrayView<float> b, int bStride, ArrayView<float> a, int aStride, int firstRow, int count, int head, int thread)
    {
        long row = firstRow + Math.Min(thread, count - 1);
        var raw = default(RawGates);
        raw.Decay = decay[head];
        raw.TimeBias = timeBias[head];
        raw.B = b[(row * bStride) + head];
        raw.A = a[(row * aStride) + head];
        return raw;
    }

    /// <summary>Computes them; every thread of a group calls it, and it begins and ends with a barrier.</summary>
    /// <param name="gates">Where to, for the head of this thread.</param>
    /// <param name="thread">Which of the head's threads; the first 64, two warps, compute a row's each.</param>
    /// <param name="raw">The row's.</param>
    /// <param name="count">Rows that exist.</param>
    public static void Write(ArrayView<float> gates, int thread, RawGates raw, int count)
    {
        var gamma = default(TwoFloats);
        Group.Barrier();
        if (thread < Cell)
        {
            float g = GateMath.LogDecay(GateMath.Exp(raw.Decay), raw.A, raw.TimeBias), beta = GateMath.Sigmoid(raw.B);
            gates[BetaAt + thread] = thread < count ? beta : 0f;
            gamma.Sum = thread < count ? g : 0f;
            int lane = thread & 31;
            for (int step = 1; step < 32; step *= 2)
            {
                float below = Lanes.From(gamma.Sum, Math.Max(lane - step, 0)), belowRest = Lanes.From(gamma.Rest, Math.Max(lane - step, 0));
                gamma = Add(gamma, Select.IfLess(lane, step, 0f, below), Select.IfLess(lane, step, 0f, belowRest));
            }

            if (thread == 31)
            {
                gates[Half] = gamma.Sum;
                gates[Half + 1] = gamma.Rest;
            }
        }

        Group.Barrier();
        if (thread < Cell)
        {
            gamma = Add(gamma, Select.IfLess(thread, 32, 0f, gates[Half]), Select.IfLess(thread, 32, 0f, gates[Half + 1]));

            // Powers are taken of 2.
            float power = gamma.Sum * GateMath.Log2E;
            gates[Gamma + thread] = power;
            gates[GammaRest + thread] = Scalar.Fma(gamma.Sum, GateMath.Log2E, -power) + Scalar.Fma(gamma.Sum, GateMath.Log2ERest, gamma.Rest * GateMath.Log2E);
        }

        Group.Barrier();
    }

    /// <summary>β of a row.</summary>
    public static float Beta(ArrayView<float> gates, int row) => gates[BetaAt + row];

    /// <summary>e^γ of a row.</summary>
    public static float Fade(ArrayView<float> gates, int row) => Scalar.Exp2Normal(gates[Gamma + row] + gates[GammaRest + row]);

    /// <summary>e^(γ_i − γ_p); overflows where i is before p.</summary>
    public static float Between(ArrayView<float> gates, int i, int p) =>
        Scalar.Exp2Normal(gates[Gamma + i] - gates[Gamma + p] + (gates[GammaRest + i] - gates[GammaRest + p]));

    // What the sum loses goes to the rest.
    private static TwoFloats Add(TwoFloats to, float sum, float rest)
    {
        float next = to.Sum + sum, added = next - to.Sum;
        var all = default(TwoFloats);
        all.Sum = next;
        all.Rest = to.Rest + rest + ((to.Sum - (next - added)) + (sum - added));
        return all;
    }

    private struct TwoFloats
    {
        public float Sum;
        public float Rest;
    }
}
