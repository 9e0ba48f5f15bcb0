using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Gated RMSNorm on a device.</summary>
/// <param name="stream">The device.</param>
/// <param name="activations">What products with bf16 weights take of their rows, f32 or bf16.</param>
internal sealed class GatedRmsNormDevice(KernelStream stream, DType activations) : GatedRmsNorm
{
    // As in Kernels/Device/Ops/GatedRmsNormWarp.cs.
    private const long WarpDim = 128;

    private readonly LinearMatrixUnits _units = new(stream, activations == DType.BF16);

    public override bool MakesTerms => stream.MatrixUnits != MatrixUnits.None;

    public override bool TakesRounded(Tensor weight) => MakesTerms && activations == DType.BF16 && weight.Shape[0] == WarpDim && weight.Address % 16 == 0;

    private protected override void Launch(Tensor x, Tensor z, Tensor weight, float epsilon, Tensor output)
    {
        if (HasWarps(x, z, weight, output))
        {
            GatedRmsNormWarpLauncher.Launch(stream, x.Reshape(Heads(x, weight)), z, weight, output.Reshape(Heads(x, weight)), epsilon);
            return;
        }

        GatedRmsNormLauncher.Launch(stream, x.Reshape(Heads(x, weight)), z, weight, output.Reshape(Heads(x, weight)), epsilon);
    }

    private protected override void Launch(Tensor x, Tensor z, Tensor weight, float epsilon, Tensor output, Tensor terms, int earlyRows)
    {
        bool takes = HasWarps(x, z, weight, output) && terms.Address % 8 == 0;
        if (x.Type == DType.BF16)
        {
            LaunchCheck.That(takes, Op, "rows at multiples of 16 bytes, of four numbers");
            GatedRmsNormTermsRoundedBf16Launcher.Launch(stream, x.Reshape(Heads(x, weight)), z, weight, terms, earlyRows, epsilon);
        }
        else if (!takes)
        {
            Launch(x, z, weight, epsilon, output);
            _units.Split(output, terms);
        }
        else if (activations == DType.BF16)
        {
            GatedRmsNormTermsRoundedLauncher.Launch(stream, x.Reshape(Heads(x, weight)), z, weight, terms, earlyRows, epsilon);
        }
        else
        {
            GatedRmsNormTermsLauncher.Launch(stream, x.Reshape(Heads(x, weight)), z, weight, terms, earlyRows, epsilon);
        }
    }

    private bool HasWarps(in Tensor x, in Tensor z, in Tensor weight, in Tensor output) =>
        stream.MatrixUnits != MatrixUnits.None && weight.Shape[0] == WarpDim && IsAligned(x) && IsAligned(z) && (output.IsEmpty || IsAligned(output)) && weight.Address % 16 == 0;

    private static Shape Heads(in Tensor x, in Tensor weight) => new(x.Shape[0], x.Shape[1] / weight.Shape[0], weight.Shape[0]);

    // Which is so for all rows of a tensor or for none: a row's bits do not depend on where it lies.
    private static bool IsAligned(in Tensor rows) => rows.Address % 16 == 0 && rows.RowStride % 4 == 0;
}
