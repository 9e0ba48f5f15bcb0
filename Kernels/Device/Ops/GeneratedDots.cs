using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// The products of generated rows that the MLP's and the experts' kernels share: a group computes 8 outputs of up to 4
/// rows. Each output is a sum over 32 lanes, lane l taking the terms of k with ⌊k/8⌋ mod 32 = l in ascending k, joined
/// by a fixed tree: nothing in it knows how many rows there are.
/// </summary>
public static class GeneratedDots
{
    /// <summary>Threads that share an output.</summary>
    public const int Lanes = 32;

    /// <summary>Outputs of a group.</summary>
    public const int Outputs = 8;

    /// <summary>Rows of a group.</summary>
    public const int Rows = 4;

    /// <summary>Threads of a group.</summary>
    public const int Threads = Lanes * Outputs;

    private const int Run = 8;

    /// <summary>Four rows times one row of a weight; lanes 0 … 3 get the sums of rows 0 … 3.</summary>
    /// <param name="x">Activations.</param>
    /// <param name="x0">Where row 0 begins, and so on; rows that do not exist repeat one that does.</param>
    /// <param name="x1">Row 1.</param>
    /// <param name="x2">Row 2.</param>
    /// <param name="x3">Row 3.</param>
    /// <param name="weight">Holds the weight's row.</param>
    /// <param name="w">Where it begins.</param>
    /// <param name="inputs">K.</param>
    public static float Multiply<TFormat, TElement>(
        ArrayView<float> x, long x0, long x1, long x2, long x3, ArrayView<TElement> weight, long w, int inputs)
        where TFormat : struct, IWeightFormat<TElement>
        where TElement : unmanaged
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(Threads * Rows);
        float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        for (int chunk = Group.IdxX % Lanes * Run; chunk < inputs; chunk += Lanes * Run)
        {
            int end = Math.Min(chunk + Run, inputs);
            for (int k = chunk; k < end; k++)
            {
                float value = TFormat.Widen(weight[w + k]);
                s0 = Scalar.Fma(x[x0 + k], value, s0);
                s1 = Scalar.Fma(x[x1 + k], value, s1);
                s2 = Scalar.Fma(x[x2 + k], value, s2);
                s3 = Scalar.Fma(x[x3 + k], value, s3);
            }
        }

        return Join(shared, s0, s1, s2, s3);
    }

    /// <summary>Four rows times a row of the gates and the row of the ups beside it; lanes 0 … 3 get silu(gate)·up of rows 0 … 3.</summary>
    /// <param name="x">Activations.</param>
    /// <param name="x0">Where row 0 begins, and so on; rows that do not exist repeat one that does.</param>
    /// <param name="x1">Row 1.</param>
    /// <param name="x2">Row 2.</param>
    /// <param name="x3">Row 3.</param>
    /// <param name="gate">Holds the gate's row.</param>
    /// <param name="gateRow">Where it begins.</param>
    /// <param name="up">Holds the up's row.</param>
    /// <param name="upRow">Where it begins.</param>
    /// <param name="inputs">K.</param>
    public static float GateUp<TFormat, TElement>(
        ArrayView<float> x, long x0, long x1, long x2, long x3, ArrayView<TElement> gate, long gateRow, ArrayView<TElement> up, long upRow, int inputs)
        where TFormat : struct, IWeightFormat<TElement>
        where TElement : unmanaged
    {
        ArrayView<float> gates = SharedMemory.Allocate<float>(Threads * Rows);
        ArrayView<float> ups = SharedMemory.Allocate<float>(Threads * Rows);
        float g0 = 0, g1 = 0, g2 = 0, g3 = 0, u0 = 0, u1 = 0, u2 = 0, u3 = 0;
        for (int chunk = Group.IdxX % Lanes * Run; chunk < inputs; chunk += Lanes * Run)
        {
            int end = Math.Min(chunk + Run, inputs);
            for (int k = chunk; k < end; k++)
            {
                float a0 = x[x0 + k], a1 = x[x1 + k], a2 = x[x2 + k], a3 = x[x3 + k];
                float value = TFormat.Widen(gate[gateRow + k]);
                g0 = Scalar.Fma(a0, value, g0);
                g1 = Scalar.Fma(a1, value, g1);
                g2 = Scalar.Fma(a2, value, g2);
                g3 = Scalar.Fma(a3, value, g3);
                value = TFormat.Widen(up[upRow + k]);
                u0 = Scalar.Fma(a0, value, u0);
                u1 = Scalar.Fma(a1, value, u1);
                u2 = Scalar.Fma(a2, value, u2);
                u3 = Scalar.Fma(a3, value, u3);
            }
        }

        float g = Join(gates, g0, g1, g2, g3), u = Join(ups, u0, u1, u2, u3);
        return GateMath.Silu(g) * u;
    }

    // The four sums of each output over its lanes, a row of the shared memory for each: lanes 0 … 3 take one each.
    private static float Join(ArrayView<float> shared, float s0, float s1, float s2, float s3)
    {
        int thread = Group.IdxX, lane = thread % Lanes;
        shared[thread] = s0;
        shared[Threads + thread] = s1;
        shared[(2 * Threads) + thread] = s2;
        shared[(3 * Threads) + thread] = s3;
        for (int step = Lanes / 2; step > 0; step /= 2)
        {
            Group.Barrier();
            if (lane < step)
            {
                shared[thread] += shared[thread + step];
                shared[Threads + thread] += shared[Threads + thread + step];
                shared[(2 * Threads) + thread] += shared[(2 * Threads) + thread + step];
                shared[(3 * Threads) + thread] += shared[(3 * Threads) + thread + step];
            }
        }

        Group.Barrier();
        return shared[(lane % Rows * Threads) + thread - lane];
    }
}
