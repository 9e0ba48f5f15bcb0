using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>y[t, :] = table[ids[t], :], widened to f32.</summary>
public abstract class EmbeddingLookup
{
    private const string Op = "embedding";

    /// <summary>Looks up T rows.</summary>
    /// <param name="ids">i32 [T], each in 0 … V − 1 (the caller has checked them).</param>
    /// <param name="table">bf16 or f32 [V, H].</param>
    /// <param name="output">f32 [T, H].</param>
    public void Run(Tensor ids, Tensor table, Tensor output)
    {
        long rows = ids.Shape.Count, width = table.Shape[1];
        LaunchCheck.Is(Op, nameof(ids), ids, DType.I32, new Shape(rows), "[T]");
        LaunchCheck.IsWeight(Op, nameof(table), table.Type);
        LaunchCheck.Is(Op, nameof(output), output, DType.F32, new Shape(rows, width), "[T, H]");
        if (rows > 0)
        {
            Launch(ids, table, output);
        }
    }

    private protected abstract void Launch(Tensor ids, Tensor table, Tensor output);
}
