using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// table[t, i] = m·cos(p_t · f_i), table[t, R/2 + i] = m·sin(p_t · f_i) for i = 0 … R/2 − 1. The angle is rounded to
/// f32 before cos and sin, as the reference implementation and the models' training did it.
/// Source: Su et al. 2021; f and m from RoPE's type (default: f_i = θ^(−2i/R), m = 1; YaRN: Peng et al. 2023).
/// </summary>
public abstract class RotaryTable
{
    private const string Op = "rotary_table";

    /// <summary>Fills the table of one step; every attention layer reads the same one.</summary>
    /// <param name="positions">i32 [T].</param>
    /// <param name="frequencies">f32 [R/2].</param>
    /// <param name="magnitude">m.</param>
    /// <param name="table">f32 [T, R].</param>
    public void Run(Tensor positions, Tensor frequencies, float magnitude, Tensor table)
    {
        long rows = positions.Shape.Count, half = frequencies.Shape.Count;
        LaunchCheck.Is(Op, nameof(positions), positions, DType.I32, new Shape(rows), "[T]");
        LaunchCheck.Is(Op, nameof(frequencies), frequencies, DType.F32, new Shape(half), "[R/2]");
        LaunchCheck.Is(Op, nameof(table), table, DType.F32, new Shape(rows, 2 * half), "[T, R]");
        if (rows > 0)
        {
            Launch(positions, frequencies, magnitude, table);
        }
    }

    private protected abstract void Launch(Tensor positions, Tensor frequencies, float magnitude, Tensor table);
}
