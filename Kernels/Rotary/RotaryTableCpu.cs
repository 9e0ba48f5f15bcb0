using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>cos and sin on the CPU, in double before the one rounding to f32: an item is a position.</summary>
internal sealed unsafe class RotaryTableCpu(CpuBackend backend) : RotaryTable
{
    private protected override void Launch(Tensor positions, Tensor frequencies, float magnitude, Tensor table)
    {
        RotaryTableArguments arguments = new()
        {
            Positions = (int*)positions.Address,
            Frequencies = (float*)frequencies.Address,
            Half = (int)frequencies.Shape.Count,
            Magnitude = magnitude,
            Table = (float*)table.Address,
        };
        backend.Run(CpuKernel.RotaryTable, &arguments, (int)positions.Shape.Count, 200L * arguments.Half);
    }
}

/// <summary>What <see cref="RotaryTableBody"/> reads.</summary>
internal unsafe struct RotaryTableArguments
{
    public int* Positions;
    public float* Frequencies;
    public int Half;
    public float Magnitude;
    public float* Table;
}

/// <summary>The body of <see cref="RotaryTableCpu"/>.</summary>
internal static unsafe class RotaryTableBody
{
    public static void Run(RotaryTableArguments* a, int begin, int end)
    {
        for (long t = begin; t < end; t++)
        {
            float* row = a->Table + (t * 2 * a->Half);
            for (int i = 0; i < a->Half; i++)
            {
                float angle = a->Positions[t] * a->Frequencies[i];
                row[i] = (float)(Math.Cos(angle) * a->Magnitude);
                row[a->Half + i] = (float)(Math.Sin(angle) * a->Magnitude);
            }
        }
    }
}
