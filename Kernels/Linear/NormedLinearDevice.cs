using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>A norm and the linear behind it on a device: up to two generated rows of 2,048 on the matrix units, up to four on Hopper's.</summary>
/// <param name="stream">The device.</param>
/// <param name="activations">What products with bf16 weights take of their rows, f32 or bf16.</param>
internal sealed class NormedLinearDevice(KernelStream stream, DType activations) : NormedLinear
{
    // As in Kernels/Device/Ops, LinearRowsNormed.cs: of each of its two kernels, of which Ampere has the first.
    private const long MostTwo = 2;
    private const long MostFour = 4;
    private const long Width = 2048;

    // That a multiprocessor has shared memory for.
    private const int GroupsTogether = 2;

    public override bool Takes(long rows, long promptRows, LinearWeight weight) =>
        stream.MatrixUnits != MatrixUnits.None && promptRows == 0 && rows >= 1 && rows <= (stream.MatrixUnits == MatrixUnits.WarpGroup ? MostFour : MostTwo) && weight.Inputs == Width
        && weight.Type == DType.BF16 && weight.Parts.Length == 1 && weight.Parts[0].Address % 16 == 0 && weight.Outputs >= MostFour;

    private protected override void Launch(
        Tensor residual, Tensor delta, Tensor norm, float epsilon, Tensor kept, Tensor normed, Tensor faults, int place, LinearWeight weight, Tensor output)
    {
        LaunchCheck.That(
            ((residual.Address | delta.Address | norm.Address | kept.Address | normed.Address) & 15) == 0, "normed_linear", "rows at multiples of 16 bytes");
        Tensor matrix = weight.Rows(0, weight.Outputs);
        int groups = (int)long.Min(weight.Outputs, GroupsTogether * stream.Multiprocessors);
        switch (activations == DType.BF16, residual.Shape[0] <= MostTwo)
        {
            case (false, true):
                LinearRowsNormedLauncher.Launch(stream, residual, delta, norm, kept, normed, faults, matrix, output, epsilon, place, groups);
                break;
            case (false, false):
                LinearRowsNormedFourLauncher.Launch(stream, residual, delta, norm, kept, normed, faults, matrix, output, epsilon, place, groups);
                break;
            case (true, true):
                LinearRowsNormedRoundedLauncher.Launch(stream, residual, delta, norm, kept, normed, faults, matrix, output, epsilon, place, groups);
                break;
            default:
                LinearRowsNormedFourRoundedLauncher.Launch(stream, residual, delta, norm, kept, normed, faults, matrix, output, epsilon, place, groups);
                break;
        }
    }
}
