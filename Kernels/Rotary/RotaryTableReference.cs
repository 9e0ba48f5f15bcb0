using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>cos and sin of the f32 angle, in f64.</summary>
internal sealed unsafe class RotaryTableReference : RotaryTable
{
    private protected override void Launch(Tensor positions, Tensor frequencies, float magnitude, Tensor table)
    {
        long half = frequencies.Shape.Count;
        for (long t = 0; t < table.Shape[0]; t++)
        {
            for (long i = 0; i < half; i++)
            {
                float angle = (float)((int*)positions.Address)[t] * ((float*)frequencies.Address)[i];
                float* row = (float*)table.Address + (t * 2 * half);
                row[i] = (float)(magnitude * Math.Cos(angle));
                row[half + i] = (float)(magnitude * Math.Sin(angle));
            }
        }
    }
}
