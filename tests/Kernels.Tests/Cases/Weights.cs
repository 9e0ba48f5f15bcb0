using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Weight matrices in the layouts that checkpoints have.</summary>
public static class Weights
{
    /// <summary>Both types a weight can have.</summary>
    public static readonly DType[] Types = [DType.BF16, DType.F32];

    /// <summary>A matrix [N, K] whose products with normal inputs are of order one.</summary>
    public static Tensor Matrix(Arena arena, DType type, int seed, int outputs, int inputs) =>
        arena.Weight(type, Numbers.Normal(seed, (long)outputs * inputs, 1 / Math.Sqrt(inputs)), new Shape(outputs, inputs));

    /// <summary>One matrix.</summary>
    public static LinearWeight Whole(Arena arena, DType type, int seed, int outputs, int inputs) =>
        new(Matrix(arena, type, seed, outputs, inputs));

    /// <summary>Several matrices that lie apart.</summary>
    public static LinearWeight Apart(Arena arena, DType type, int seed, int inputs, params int[] outputs)
    {
        Tensor[] parts = [.. outputs.Select((n, i) => Matrix(arena, type, seed + i, n, inputs))];
        return new LinearWeight(parts);
    }

    /// <summary>Rows of one matrix in pieces of one to three, the last piece first, as interleaved heads are put in order.</summary>
    public static LinearWeight Interleaved(Arena arena, DType type, int seed, int outputs, int inputs)
    {
        Tensor whole = Matrix(arena, type, seed, outputs, inputs);
        var parts = new List<Tensor>();
        for (int row = 0; row < outputs;)
        {
            int rows = Math.Min(1 + (parts.Count % 3), outputs - row);
            parts.Add(whole.Rows(row, rows));
            row += rows;
        }

        parts.Reverse();
        return new LinearWeight([.. parts]);
    }
}
