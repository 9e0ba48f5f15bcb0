using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// y[t, n] ≈ Σ_k x[t, k] · W[n, k] with W in eight bits a weight and x in fifteen or less: for drafts, which the model verifies.
/// </summary>
/// <remarks>
/// x is rounded as W is, row by row, to |p| ≤ P = min(32767, (2³¹ − 1) / (127 K)), so the sum of p · q is exact in 32 bits; then
/// y = sum · (scale of x · scale of W), three roundings to f32. Whatever computes it gives the same bits.
/// </remarks>
public abstract class EightBitLinear
{
    private const string Op = "eight_bit_linear";

    /// <summary>Multiplies T rows.</summary>
    /// <param name="x">f32 [T, K], rows may be strided.</param>
    /// <param name="weight">[N, K].</param>
    /// <param name="output">f32 [T, N].</param>
    public void Run(Tensor x, EightBitWeight weight, Tensor output)
    {
        LaunchCheck.Is(Op, nameof(x), x, DType.F32, new Shape(x.Shape[0], weight.Inputs), "[T, K]", strided: true);
        LaunchCheck.Is(Op, nameof(output), output, DType.F32, new Shape(x.Shape[0], weight.Outputs), "[T, N]", strided: true);
        if (x.Shape[0] > 0)
        {
            Launch(x, weight, output);
        }

        GC.KeepAlive(weight);
    }

    /// <summary>P: the largest magnitude of what a row of x is rounded to.</summary>
    internal static int Levels(long inputs) => (int)long.Min(short.MaxValue, int.MaxValue / (EightBitWeight.Largest * inputs));

    private protected abstract void Launch(Tensor x, EightBitWeight weight, Tensor output);
}
