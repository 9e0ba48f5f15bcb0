using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// y[t, :] = table[ids[t] − first, :], widened to f32. A rank that holds some of a vocabulary's rows gives zeros for tokens
/// that others hold, so that the ranks' results add up to the embedding.
/// </summary>
public abstract class EmbeddingLookup
{
    private const string Op = "embedding";

    /// <summary>Looks up T rows.</summary>
    /// <param name="ids">i32 [T]; a row whose id is outside first … first + V − 1 becomes zero.</param>
    /// <param name="table">bf16 or f32 [V, H].</param>
    /// <param name="output">f32 [T, H].</param>
    /// <param name="first">The token of the table's first row.</param>
    public void Run(Tensor ids, Tensor table, Tensor output, int first = 0)
    {
        long rows = ids.Shape.Count, width = table.Shape[1];
        LaunchCheck.Is(Op, nameof(ids), ids, DType.I32, new Shape(rows), "[T]");
        LaunchCheck.IsWeight(Op, nameof(table), table.Type);
        LaunchCheck.Is(Op, nameof(output), output, DType.F32, new Shape(rows, width), "[T, H]");
        if (rows > 0)
        {
            Launch(ids, table, output, first);
        }
    }

    private protected abstract void Launch(Tensor ids, Tensor table, Tensor output, int first);
}
