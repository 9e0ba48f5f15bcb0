using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>A sum and the norm behind it on Hopper.</summary>
/// <param name="stream">The device.</param>
/// <param name="norm">The norm alone.</param>
internal sealed class SummedNormDevice(KernelStream stream, AddRmsNormDevice norm) : SummedNorm
{
    private const string Op = "summed_norm";

    public override bool Takes(long width) => stream.MatrixUnits == MatrixUnits.WarpGroup && AddRmsNormDevice.KeepsRows(width);

    private protected override void Launch(Tensor residual, Tensor slices, Tensor weight, float epsilon, Tensor output, Tensor faults, int place)
    {
        LaunchCheck.That(norm.KeepsRows(residual, slices, weight, output), Op, "rows at multiples of 16 bytes");
        switch (residual.Shape[1] > AddRmsNormDevice.NarrowRow, slices.Shape[0] / residual.Shape[0])
        {
            case (false, 2):
                AddRmsNormJoinedNarrowSlices2xLauncher.Launch(stream, residual, slices, weight, output, faults, epsilon, place);
                break;
            case (false, 4):
                AddRmsNormJoinedNarrowSlices4xLauncher.Launch(stream, residual, slices, weight, output, faults, epsilon, place);
                break;
            case (false, 8):
                AddRmsNormJoinedNarrowSlices8xLauncher.Launch(stream, residual, slices, weight, output, faults, epsilon, place);
                break;
            case (true, 2):
                AddRmsNormJoinedWideSlices2xLauncher.Launch(stream, residual, slices, weight, output, faults, epsilon, place);
                break;
            case (true, 4):
                AddRmsNormJoinedWideSlices4xLauncher.Launch(stream, residual, slices, weight, output, faults, epsilon, place);
                break;
            case (true, 8):
                AddRmsNormJoinedWideSlices8xLauncher.Launch(stream, residual, slices, weight, output, faults, epsilon, place);
                break;
            default:
                throw new LaunchException($"{Op}: {slices.Shape[0]} rows in slices for {residual.Shape[0]}, expected two, four or eight slices");
        }
    }
}
