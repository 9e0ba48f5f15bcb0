using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Residual add and RMSNorm on a device.</summary>
internal sealed class AddRmsNormDevice(KernelStream stream) : AddRmsNorm
{
    // As in Kernels/Device/Ops/AddRmsNormRow.cs.
    internal const long NarrowRow = 2048;
    private const long WidestRow = 8192;

    // Half of the groups of narrow rows that a multiprocessor holds.
    internal const int GroupsAhead = 2;

    private protected override void Launch(
        Tensor residual, Tensor delta, Tensor weight, float epsilon, Tensor output, Tensor faults, int place)
    {
        if (!KeepsRows(residual, delta, weight, output))
        {
            AddRmsNormLauncher.Launch(stream, residual, delta, weight, output, faults, epsilon, place);
        }
        else if (residual.Shape[1] > NarrowRow)
        {
            AddRmsNormRowWideLauncher.Launch(stream, residual, delta, weight, output, faults, epsilon, place, GroupsAhead * stream.Multiprocessors);
        }
        else
        {
            AddRmsNormRowNarrowLauncher.Launch(stream, residual, delta, weight, output, faults, epsilon, place, GroupsAhead * stream.Multiprocessors);
        }
    }

    /// <summary>Whether a group keeps a row in its registers; what decides is the same for every number of rows.</summary>
    internal bool KeepsRows(in Tensor residual, in Tensor delta, in Tensor weight, in Tensor output) =>
        stream.MatrixUnits != MatrixUnits.None && KeepsRows(residual.Shape[1])
        && IsAligned(residual) && (delta.IsEmpty || IsAligned(delta)) && IsAligned(output) && weight.Address % 16 == 0;

    /// <summary>Whether it does where they lie well.</summary>
    internal static bool KeepsRows(long width) => width <= WidestRow && width % 4 == 0;

    // Which is so for all rows of a tensor or for none: a row's bits do not depend on where it lies.
    private static bool IsAligned(in Tensor rows) => rows.Address % 16 == 0 && rows.RowStride % 4 == 0;
}
