using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// y[i] = ((p₀[i] + p₁[i]) + p₂[i]) + … in f32, in the order of the parts and rounded after each addition: the sum over
/// ranks, whichever way their parts came together. Two parts have the same sum in either order, more have not.
/// </summary>
public abstract class PartSum
{
    private const string Op = "part_sum";

    /// <summary>Sums P parts of N numbers.</summary>
    /// <param name="parts">f32 [P, N], P at least 1; parts may be strided.</param>
    /// <param name="output">f32, N numbers in any shape; it may be one of the parts, and overlaps no other.</param>
    public void Run(Tensor parts, Tensor output)
    {
        long count = parts.Shape.Rank == 2 ? parts.Shape[0] : 0, width = output.Shape.Count;
        LaunchCheck.Is(Op, nameof(parts), parts, DType.F32, new Shape(count, width), "[P, N]", strided: true);
        LaunchCheck.That(count > 0, Op, "at least one part");
        LaunchCheck.Is(Op, nameof(output), output, DType.F32, output.Shape, "[N]");
        if (width == 0)
        {
            return;
        }

        for (long p = 0; p < count; p++)
        {
            nint apart = (parts.Address + (nint)(p * parts.RowStride * sizeof(float))) - output.Address;
            LaunchCheck.That(apart == 0 || nint.Abs(apart) >= output.Bytes, Op, "an output that is a part or apart from all parts");
        }

        Launch(parts, output.Reshape(new Shape(width)));
    }

    private protected abstract void Launch(Tensor parts, Tensor output);
}
