using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// <see cref="AddRmsNorm"/> and the <see cref="Linear"/> behind it in one launch, for the few generated rows that a device takes so;
/// the bits are those of the two. Since all of the launch reads the residual, its sum with what is added goes to a place of its own.
/// </summary>
public abstract class NormedLinear
{
    private const string Op = "normed_linear";

    /// <summary>Whether the device takes such rows; where it does not, the two ops run.</summary>
    /// <param name="rows">T.</param>
    /// <param name="promptRows">How many of them are a prompt's.</param>
    /// <param name="weight">[N, H].</param>
    public abstract bool Takes(long rows, long promptRows, LinearWeight weight);

    /// <summary>Norms T rows and multiplies them.</summary>
    /// <param name="residual">f32 [T, H], stays as it is.</param>
    /// <param name="delta">f32 [T, H], or an empty view for a plain norm.</param>
    /// <param name="norm">f32 [H].</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="kept">f32 [T, H], apart from <paramref name="residual"/>: receives residual + delta.</param>
    /// <param name="normed">f32 [T, H]: receives the norm; or an empty view.</param>
    /// <param name="faults">i32 [T], or an empty view; see <see cref="AddRmsNorm.Run"/>.</param>
    /// <param name="place">This norm's number, above 0 where faults are noted.</param>
    /// <param name="weight">[N, H].</param>
    /// <param name="output">f32 [T, N], rows may be strided.</param>
    public void Run(
        Tensor residual, Tensor delta, Tensor norm, float epsilon, Tensor kept, Tensor normed, Tensor faults, int place, LinearWeight weight, Tensor output)
    {
        Shape shape = new(residual.Shape[0], norm.Shape[0]);
        LaunchCheck.Is(Op, nameof(residual), residual, DType.F32, shape, "[T, H]");
        LaunchCheck.Is(Op, nameof(kept), kept, DType.F32, shape, "[T, H]");
        LaunchCheck.That(weight.Inputs == shape[1], Op, "a weight [N, H]");
        LaunchCheck.That(Takes(shape[0], 0, weight), Op, "rows that the device norms in a linear's launch");
        LaunchCheck.That(AreApart(kept, residual) && AreApart(kept, delta), Op, "a place for the sum apart from the residual and what is added");
        LaunchCheck.That(AreApart(normed, residual) && AreApart(normed, delta), Op, "a place for the norm apart from the residual and what is added");
        LaunchCheck.Is(Op, nameof(output), output, DType.F32, new Shape(shape[0], weight.Outputs), "[T, N]", strided: true);
        if (!delta.IsEmpty)
        {
            LaunchCheck.Is(Op, nameof(delta), delta, DType.F32, shape, "[T, H]");
        }

        if (!normed.IsEmpty)
        {
            LaunchCheck.Is(Op, nameof(normed), normed, DType.F32, shape, "[T, H]");
        }

        if (!faults.IsEmpty)
        {
            LaunchCheck.Is(Op, nameof(faults), faults, DType.I32, new Shape(shape[0]), "[T]");
            LaunchCheck.That(place > 0, Op, "a place above 0 to note faults under");
        }

        Launch(residual, delta, norm, epsilon, kept, normed, faults, place, weight, output);
    }

    // All groups read the rows, at any time.
    private static bool AreApart(in Tensor written, in Tensor read) =>
        written.IsEmpty || read.IsEmpty || written.Address + (nint)written.Bytes <= read.Address || read.Address + (nint)read.Bytes <= written.Address;

    private protected abstract void Launch(
        Tensor residual, Tensor delta, Tensor norm, float epsilon, Tensor kept, Tensor normed, Tensor faults, int place, LinearWeight weight, Tensor output);
}
