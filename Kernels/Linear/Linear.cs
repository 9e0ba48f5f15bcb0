using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// y[t, n] = Σ_k x[t, k] · W[n, k]; f32 activations and sums, weights as they lie in the checkpoint.
/// One order of summation for every number of rows: see <see cref="LinearWeight"/> for how W is held.
/// </summary>
public abstract class Linear
{
    private const string Op = "linear";

    /// <summary>Multiplies T rows.</summary>
    /// <param name="x">f32 [T, K], rows may be strided.</param>
    /// <param name="weight">[N, K].</param>
    /// <param name="output">f32 [T, N].</param>
    public void Run(Tensor x, LinearWeight weight, Tensor output)
    {
        LaunchCheck.Is(Op, nameof(x), x, DType.F32, new Shape(x.Shape[0], weight.Inputs), "[T, K]", strided: true);
        LaunchCheck.Is(Op, nameof(output), output, DType.F32, new Shape(x.Shape[0], weight.Outputs), "[T, N]");
        if (x.Shape[0] > 0)
        {
            Launch(x, weight, output);
        }
    }

    private protected abstract void Launch(Tensor x, LinearWeight weight, Tensor output);
}
