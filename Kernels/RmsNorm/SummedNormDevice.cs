using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>A sum and the norm behind it on Hopper.</summary>
/// <param name="stream">The device.</param>
/// <param name="norm">The norm alone.</param>
/// <param name="rounds">Whether activations are rounded to bf16, instead of going in as two terms.</param>
internal sealed class SummedNormDevice(KernelStream stream, AddRmsNormDevice norm, bool rounds) : SummedNorm
{
    private const string Op = "summed_norm";

    // As in Kernels/Device/Ops/AddRmsNormExpertsRing.cs.
    private const long RingBytes = 216 << 10;
    private const long RoundedRingBytes = 104 << 10;
    private const int FewestStages = 2;
    private const int MostStages = 5;
    private const int MostExperts = 30;

    private readonly LinearMatrixUnits _units = new(stream, rounds);

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

    private protected override void Launch(Tensor residual, in ExpertParts parts, Tensor weight, float epsilon, Tensor output, Tensor faults, int place)
    {
        Check(residual, parts, weight, output);
        int isEarly = parts.AreEarly ? 1 : 0;
        switch (residual.Shape[1] > AddRmsNormDevice.NarrowRow, parts.Parts.Type)
        {
            case (false, DType.F32):
                AddRmsNormExpertsNarrowLauncher.Launch(stream, residual, parts.Places, parts.Mix, parts.Parts, parts.Total, parts.GateLogit, weight, output, faults, isEarly, epsilon, place);
                break;
            case (false, _):
                AddRmsNormExpertsNarrowBf16Launcher.Launch(stream, residual, parts.Places, parts.Mix, parts.Parts, parts.Total, parts.GateLogit, weight, output, faults, isEarly, epsilon, place);
                break;
            case (true, DType.F32):
                AddRmsNormExpertsWideLauncher.Launch(stream, residual, parts.Places, parts.Mix, parts.Parts, parts.Total, parts.GateLogit, weight, output, faults, isEarly, epsilon, place);
                break;
            default:
                AddRmsNormExpertsWideBf16Launcher.Launch(stream, residual, parts.Places, parts.Mix, parts.Parts, parts.Total, parts.GateLogit, weight, output, faults, isEarly, epsilon, place);
                break;
        }
    }

    private protected override void LaunchToTerms(Tensor residual, in ExpertParts parts, Tensor weight, float epsilon, Tensor pieces, Tensor faults, int place)
    {
        Check(residual, parts, weight, residual);
        LaunchCheck.That(parts.Parts.Type == DType.F32, Op, "f32 parts of generated rows");
        RowPieces.Check(Op, pieces, residual.Shape[0], residual.Shape[1], rounds);
        Tensor pairs = RowPieces.Pairs(pieces);
        int blocks = RowPieces.Blocks(residual.Shape[1]), eights = RowPieces.Eights(residual.Shape[0]), isEarly = parts.AreEarly ? 1 : 0;
        switch (residual.Shape[1] > AddRmsNormDevice.NarrowRow, rounds)
        {
            case (false, false):
                AddRmsNormExpertsPiecesNarrowLauncher.Launch(
                    stream, residual, parts.Places, parts.Mix, parts.Parts, parts.Total, parts.GateLogit, weight, pairs, faults, blocks, eights, isEarly, epsilon, place);
                break;
            case (false, true):
                AddRmsNormExpertsPiecesNarrowRoundedLauncher.Launch(
                    stream, residual, parts.Places, parts.Mix, parts.Parts, parts.Total, parts.GateLogit, weight, pairs, faults, blocks, eights, isEarly, epsilon, place);
                break;
            case (true, false):
                AddRmsNormExpertsPiecesWideLauncher.Launch(
                    stream, residual, parts.Places, parts.Mix, parts.Parts, parts.Total, parts.GateLogit, weight, pairs, faults, blocks, eights, isEarly, epsilon, place);
                break;
            default:
                AddRmsNormExpertsPiecesWideRoundedLauncher.Launch(
                    stream, residual, parts.Places, parts.Mix, parts.Parts, parts.Total, parts.GateLogit, weight, pairs, faults, blocks, eights, isEarly, epsilon, place);
                break;
        }
    }

    private protected override void LaunchToTerms(
        Tensor residual, in ExpertParts parts, Tensor weight, float epsilon, Tensor output, Tensor terms, bool areRead, Tensor faults, int place)
    {
        Check(residual, parts, weight, output);
        _units.CheckTerms(Op, terms, residual.Shape[1]);
        LaunchCheck.That(terms.Address % 8 == 0, Op, "terms at multiples of 8 bytes");
        LaunchCheck.That(parts.Parts.Type == (rounds ? DType.BF16 : DType.F32), Op, "parts that are rounded where activations are");
        int isRead = areRead ? 1 : 0, isEarly = parts.AreEarly ? 1 : 0;
        int stages = Stages(residual, parts), groups = (int)long.Min(residual.Shape[0], (rounds ? 2 : 1) * stream.Multiprocessors);
        switch (stages > 0, rounds)
        {
            case (true, false):
                AddRmsNormExpertsRingLauncher.Launch(
                    stream, residual, parts.Places, parts.Mix, parts.Parts, parts.Total, parts.GateLogit, weight, output, terms, faults, stages, isRead, epsilon, place, groups);
                break;
            case (true, true):
                AddRmsNormExpertsRingRoundedLauncher.Launch(
                    stream, residual, parts.Places, parts.Mix, parts.Parts, parts.Total, parts.GateLogit, weight, output, terms, faults, stages, isRead, epsilon, place, groups);
                break;
            case (false, false):
                AddRmsNormExpertsTermsLauncher.Launch(
                    stream, residual, parts.Places, parts.Mix, parts.Parts, parts.Total, parts.GateLogit, weight, output, terms, faults, isRead, isEarly, epsilon, place);
                break;
            default:
                AddRmsNormExpertsTermsRoundedLauncher.Launch(
                    stream, residual, parts.Places, parts.Mix, parts.Parts, parts.Total, parts.GateLogit, weight, output, terms, faults, isRead, isEarly, epsilon, place);
                break;
        }
    }

    // Places that a ring has for rows, or 0 where such rows have none.
    private static int Stages(in Tensor residual, in ExpertParts parts)
    {
        long width = residual.Shape[1], topK = parts.Places.Shape[1], rowBytes = width * parts.Parts.Type.Size();
        long stages = long.Min(MostStages, (parts.Parts.Type == DType.F32 ? RingBytes : RoundedRingBytes) / ((width * sizeof(float)) + ((topK + 1) * rowBytes)));
        return width <= AddRmsNormDevice.NarrowRow && topK <= MostExperts && rowBytes % 16 == 0 && stages >= FewestStages ? (int)stages : 0;
    }

    private void Check(in Tensor residual, in ExpertParts parts, in Tensor weight, in Tensor output) =>
        LaunchCheck.That(norm.KeepsRows(residual, parts.Total, weight, output) && parts.Parts.Address % 16 == 0, Op, "rows at multiples of 16 bytes");
}
