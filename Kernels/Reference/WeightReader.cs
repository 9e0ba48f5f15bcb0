using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Reads elements of bf16 and f32 weights and caches where they lie, widened to f64.</summary>
internal static unsafe class WeightReader
{
    /// <summary>Element <paramref name="index"/> behind an address.</summary>
    public static double Read(DType type, nint address, long index) =>
        type == DType.BF16 ? DTypes.BF16ToF32(((ushort*)address)[index]) : ((float*)address)[index];

    /// <summary>Σ_k x[k] · row[k]: four sums of every fourth k, each in ascending k, so that none waits for the one before.</summary>
    public static double Dot(ReadOnlySpan<double> x, DType type, nint row)
    {
        double zero = 0, one = 0, two = 0, three = 0;
        int k = 0;
        if (type == DType.BF16)
        {
            ushort* weights = (ushort*)row;
            for (; k + 4 <= x.Length; k += 4)
            {
                zero += x[k] * DTypes.BF16ToF32(weights[k]);
                one += x[k + 1] * DTypes.BF16ToF32(weights[k + 1]);
                two += x[k + 2] * DTypes.BF16ToF32(weights[k + 2]);
                three += x[k + 3] * DTypes.BF16ToF32(weights[k + 3]);
            }
        }
        else
        {
            float* weights = (float*)row;
            for (; k + 4 <= x.Length; k += 4)
            {
                zero += x[k] * weights[k];
                one += x[k + 1] * weights[k + 1];
                two += x[k + 2] * weights[k + 2];
                three += x[k + 3] * weights[k + 3];
            }
        }

        double sum = zero + one + (two + three);
        for (; k < x.Length; k++)
        {
            sum += x[k] * Read(type, row, k);
        }

        return sum;
    }

    /// <summary>The address of row <paramref name="n"/> of a linear's weight.</summary>
    public static nint Row(LinearWeight weight, long n)
    {
        foreach (LinearWeight.Part part in weight.Parts)
        {
            if (n >= part.Column && n < part.Column + part.Rows)
            {
                return part.Address + (nint)((n - part.Column) * weight.Inputs * weight.Type.Size());
            }
        }

        throw new ArgumentOutOfRangeException(nameof(n), n, $"the weight has {weight.Outputs} rows");
    }

    /// <summary>A row of f32 activations as a product takes it, widened.</summary>
    public static double[] Inputs(Tensor x, long row, DType activations, DType weight)
    {
        double[] inputs = Widen(x, row);
        if (RoundedActivations.Apply(activations, weight))
        {
            RoundedActivations.Round(inputs);
        }

        return inputs;
    }

    /// <summary>A row of f32 activations, widened.</summary>
    public static double[] Widen(Tensor x, long row)
    {
        var wide = new double[x.Shape[1]];
        for (int k = 0; k < wide.Length; k++)
        {
            wide[k] = ((float*)x.Address)[(row * x.RowStride) + k];
        }

        return wide;
    }
}
