using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Residual add and RMSNorm on a device.</summary>
internal sealed class AddRmsNormDevice(KernelStream stream) : AddRmsNorm
{
    // As in Kernels/Device/Ops/AddRmsNormRow.cs.
    private const long NarrowRow = 2048;
    private const long WidestRow = 8192;

    // Half of the groups of narrow rows that a multiprocessor holds.
    private const int GroupsAhead = 2;

    private protected override void Launch(
        Tensor residual, Tensor delta, Tensor weight, float epsilon, Tensor output, Tensor faults, int place)
    {
        long width = residual.Shape[1];
        if (stream.MatrixUnits == MatrixUnits.None || width > WidestRow
            || !IsAligned(residual) || !(delta.IsEmpty || IsAligned(delta)) || !IsAligned(output) || weight.Address % 16 != 0)
        {
            AddRmsNormLauncher.Launch(stream, residual, delta, weight, output, faults, epsilon, place);
        }
        else if (width > NarrowRow)
        {
            AddRmsNormRowWideLauncher.Launch(stream, residual, delta, weight, output, faults, epsilon, place, GroupsAhead * stream.Multiprocessors);
        }
        else
        {
            AddRmsNormRowNarrowLauncher.Launch(stream, residual, delta, weight, output, faults, epsilon, place, GroupsAhead * stream.Multiprocessors);
        }
    }

    // Which is so for all rows of a tensor or for none: a row's bits do not depend on where it lies.
    private static bool IsAligned(in Tensor rows) => rows.Address % 16 == 0 && rows.RowStride % 4 == 0 && rows.Shape[1] % 4 == 0;
}
