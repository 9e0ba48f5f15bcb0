using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>y[r, :] = x[rows[r], :].</summary>
public abstract class GatherRows
{
    private const string Op = "gather_rows";

    /// <summary>Copies R of the T rows.</summary>
    /// <param name="x">f32 [T, H], rows may be strided.</param>
    /// <param name="rows">i32 [R], each in 0 … T − 1 (the caller has checked them).</param>
    /// <param name="output">f32 [R, H].</param>
    public void Run(Tensor x, Tensor rows, Tensor output)
    {
        long count = rows.Shape.Count;
        LaunchCheck.Is(Op, nameof(x), x, DType.F32, new Shape(x.Shape[0], x.Shape[1]), "[T, H]", strided: true);
        LaunchCheck.Is(Op, nameof(rows), rows, DType.I32, new Shape(count), "[R]");
        LaunchCheck.Is(Op, nameof(output), output, DType.F32, new Shape(count, x.Shape[1]), "[R, H]");
        if (count > 0)
        {
            Launch(x, rows, output);
        }
    }

    /// <summary>Whether rows lie one after the other, so that they need no copy. Only where the host reads what ops read does it know.</summary>
    /// <param name="rows">i32 [R], as for <see cref="Run"/>.</param>
    /// <param name="first">The first of them.</param>
    public virtual bool AreTogether(Tensor rows, out long first)
    {
        first = 0;
        return false;
    }

    private protected abstract void Launch(Tensor x, Tensor rows, Tensor output);
}
