using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>One term: bf16 activations.</summary>
internal sealed class RoundedRowLaunches(KernelStream stream) : RowLaunches(stream)
{
    public override void Linear(int tileRows, int slices, in Tensor x, in Tensor weight, in Tensor gate, in Tensor add, in Tensor output, int rowTiles, int groups)
    {
        switch (tileRows, slices)
        {
            case (16, 2):
                LinearRowsWideSixteenSlices2xRoundedLauncher.Launch(Stream, x, weight, gate, add, output, rowTiles, groups);
                break;
            case (16, 4):
                LinearRowsWideSixteenSlices4xRoundedLauncher.Launch(Stream, x, weight, gate, add, output, rowTiles, groups);
                break;
            case (16, _):
                LinearRowsWideSixteenSlices8xRoundedLauncher.Launch(Stream, x, weight, gate, add, output, rowTiles, groups);
                break;
            case (_, 2):
                LinearRowsWideThirtytwoSlices2xRoundedLauncher.Launch(Stream, x, weight, gate, add, output, rowTiles, groups);
                break;
            case (_, 4):
                LinearRowsWideThirtytwoSlices4xRoundedLauncher.Launch(Stream, x, weight, gate, add, output, rowTiles, groups);
                break;
            default:
                LinearRowsWideThirtytwoSlices8xRoundedLauncher.Launch(Stream, x, weight, gate, add, output, rowTiles, groups);
                break;
        }
    }

    public override void Few(int slices, in Tensor x, in Tensor weight, in Tensor gate, in Tensor add, in Tensor output, int tileRows, int rowTiles, int groups)
    {
        switch (slices)
        {
            case 2:
                LinearRowsFewSlices2xRoundedLauncher.Launch(Stream, x, weight, gate, add, output, tileRows, rowTiles, groups);
                break;
            case 4:
                LinearRowsFewSlices4xRoundedLauncher.Launch(Stream, x, weight, gate, add, output, tileRows, rowTiles, groups);
                break;
            default:
                LinearRowsFewSlices8xRoundedLauncher.Launch(Stream, x, weight, gate, add, output, tileRows, rowTiles, groups);
                break;
        }
    }

    public override void Whole(int slices, in Tensor x, in Tensor weight, in Tensor output, int groups)
    {
        if (slices == 2)
        {
            LinearRowsWholeSlices2xRoundedLauncher.Launch(Stream, x, weight, output, groups);
        }
        else
        {
            LinearRowsWholeSlices8xRoundedLauncher.Launch(Stream, x, weight, output, groups);
        }
    }

    public override void Two(int slices, in Tensor x, in Tensor weight, in Tensor output, int groups)
    {
        if (slices == 2)
        {
            LinearRowsTwoSlices2xRoundedLauncher.Launch(Stream, x, weight, output, groups);
        }
        else
        {
            LinearRowsTwoSlices8xRoundedLauncher.Launch(Stream, x, weight, output, groups);
        }
    }

    public override void Terms(in Tensor x, in Tensor terms, int blocks, int groups) =>
        RowTermsRoundedLauncher.Launch(Stream, x, terms, blocks, groups);

    public override void Many(int tileRows, in Tensor terms, in Tensor weight, in Tensor gate, in Tensor add, in Tensor output, int rowTiles, int blocks, int slices, int groups)
    {
        switch (tileRows)
        {
            case 16:
                LinearRowsManySixteenRoundedLauncher.Launch(Stream, terms, weight, output, gate, add, rowTiles, blocks, slices, groups);
                break;
            case 32:
                LinearRowsManyThirtytwoRoundedLauncher.Launch(Stream, terms, weight, output, gate, add, rowTiles, blocks, slices, groups);
                break;
            default:
                LinearRowsManySixtyfourRoundedLauncher.Launch(Stream, terms, weight, output, gate, add, rowTiles, blocks, slices, groups);
                break;
        }
    }

    public override void Pieces(in Tensor x, in Tensor terms, int blocks, int eights, int groups) =>
        RowTermPiecesRoundedLauncher.Launch(Stream, x, terms, blocks, eights, groups);

    public override void Groups(int tileRows, in Tensor weight, in Tensor terms, in Tensor output, int rows, int rowTiles, int blocks, int slices, int parts, bool isOnce, int groups)
    {
        switch (tileRows)
        {
            case 16:
                LinearRowsWarpgroupSixteenRoundedLauncher.Launch(Stream, weight, terms, output, rows, rowTiles, blocks, slices, parts, isOnce ? 1 : 0, groups);
                break;
            case 32:
                LinearRowsWarpgroupThirtytwoRoundedLauncher.Launch(Stream, weight, terms, output, rows, rowTiles, blocks, slices, parts, isOnce ? 1 : 0, groups);
                break;
            case 64:
                LinearRowsWarpgroupSixtyfourRoundedLauncher.Launch(Stream, weight, terms, output, rows, rowTiles, blocks, slices, parts, isOnce ? 1 : 0, groups);
                break;
            default:
                LinearRowsWarpgroupHundredtwentyeightRoundedLauncher.Launch(Stream, weight, terms, output, rows, rowTiles, blocks, slices, parts, isOnce ? 1 : 0, groups);
                break;
        }
    }

    public override void GateUp(int tileRows, int slices, in Tensor x, in Tensor gate, in Tensor up, in Tensor inner, int rowTiles, int groups)
    {
        switch (tileRows, slices)
        {
            case (8, 2):
                GateUpRowsEightSlices2xRoundedLauncher.Launch(Stream, x, gate, up, inner, rowTiles, groups);
                break;
            case (8, 4):
                GateUpRowsEightSlices4xRoundedLauncher.Launch(Stream, x, gate, up, inner, rowTiles, groups);
                break;
            case (8, _):
                GateUpRowsEightSlices8xRoundedLauncher.Launch(Stream, x, gate, up, inner, rowTiles, groups);
                break;
            case (16, 2):
                GateUpRowsSixteenSlices2xRoundedLauncher.Launch(Stream, x, gate, up, inner, rowTiles, groups);
                break;
            case (16, 4):
                GateUpRowsSixteenSlices4xRoundedLauncher.Launch(Stream, x, gate, up, inner, rowTiles, groups);
                break;
            case (16, _):
                GateUpRowsSixteenSlices8xRoundedLauncher.Launch(Stream, x, gate, up, inner, rowTiles, groups);
                break;
            case (_, 2):
                GateUpRowsThirtytwoSlices2xRoundedLauncher.Launch(Stream, x, gate, up, inner, rowTiles, groups);
                break;
            case (_, 4):
                GateUpRowsThirtytwoSlices4xRoundedLauncher.Launch(Stream, x, gate, up, inner, rowTiles, groups);
                break;
            default:
                GateUpRowsThirtytwoSlices8xRoundedLauncher.Launch(Stream, x, gate, up, inner, rowTiles, groups);
                break;
        }
    }

    public override void GateUpWhole(int gates, int tileRows, in Tensor x, in Tensor gate, in Tensor up, in Tensor inner, int rowTiles, int groups)
    {
        switch (gates, tileRows)
        {
            case (8, _):
                GateUpRowsWholeEightRoundedLauncher.Launch(Stream, x, gate, up, inner, rowTiles, groups);
                break;
            case (_, 8):
                GateUpRowsWholeEightTwiceRoundedLauncher.Launch(Stream, x, gate, up, inner, rowTiles, groups);
                break;
            default:
                GateUpRowsWholeSixteenTwiceRoundedLauncher.Launch(Stream, x, gate, up, inner, rowTiles, groups);
                break;
        }
    }

    public override void GateUpGroups(int tileRows, in Tensor gate, in Tensor up, in Tensor terms, in Tensor inner, int own, int rowTiles, int blocks, int slices, int groups)
    {
        switch (tileRows)
        {
            case 16:
                GateUpRowsWarpgroupSixteenRoundedLauncher.Launch(Stream, gate, up, terms, inner, own, rowTiles, blocks, slices, groups);
                break;
            case 32:
                GateUpRowsWarpgroupThirtytwoRoundedLauncher.Launch(Stream, gate, up, terms, inner, own, rowTiles, blocks, slices, groups);
                break;
            case 64:
                GateUpRowsWarpgroupSixtyfourRoundedLauncher.Launch(Stream, gate, up, terms, inner, own, rowTiles, blocks, slices, groups);
                break;
            default:
                GateUpRowsWarpgroupHundredtwentyeightRoundedLauncher.Launch(Stream, gate, up, terms, inner, own, rowTiles, blocks, slices, groups);
                break;
        }
    }

    public override void ExpertGateUp(int slices, in Tensor x, in Tensor inner, in Tensor rows, in Tensor tiles, in Tensor gate, in Tensor up, int count, int later, int groups)
    {
        switch (slices)
        {
            case 2:
                ExpertGateUpRowsSlices2xRoundedLauncher.Launch(Stream, x, inner, rows, tiles, gate, up, count, later, groups);
                break;
            case 4:
                ExpertGateUpRowsSlices4xRoundedLauncher.Launch(Stream, x, inner, rows, tiles, gate, up, count, later, groups);
                break;
            default:
                ExpertGateUpRowsSlices8xRoundedLauncher.Launch(Stream, x, inner, rows, tiles, gate, up, count, later, groups);
                break;
        }
    }

    public override void ExpertDown(int slices, in Tensor inner, in Tensor parts, in Tensor tiles, in Tensor down, int count, int later, int groups)
    {
        switch (slices)
        {
            case 2:
                ExpertDownRowsSlices2xRoundedLauncher.Launch(Stream, inner, parts, tiles, down, count, later, groups);
                break;
            case 4:
                ExpertDownRowsSlices4xRoundedLauncher.Launch(Stream, inner, parts, tiles, down, count, later, groups);
                break;
            default:
                ExpertDownRowsSlices8xRoundedLauncher.Launch(Stream, inner, parts, tiles, down, count, later, groups);
                break;
        }
    }

    public override void MixtureGateUp(int slices, in Tensor x, in Tensor experts, in Tensor inner, in Tensor gate, in Tensor up, in Tensor sharedGate, in Tensor sharedUp, int width, int groups)
    {
        switch (slices)
        {
            case 2:
                MixtureGateUpRowsSlices2xRoundedLauncher.Launch(Stream, x, experts, inner, gate, up, sharedGate, sharedUp, width, groups);
                break;
            case 4:
                MixtureGateUpRowsSlices4xRoundedLauncher.Launch(Stream, x, experts, inner, gate, up, sharedGate, sharedUp, width, groups);
                break;
            default:
                MixtureGateUpRowsSlices8xRoundedLauncher.Launch(Stream, x, experts, inner, gate, up, sharedGate, sharedUp, width, groups);
                break;
        }
    }

    public override void MixtureDown(int slices, in Tensor inner, in Tensor experts, in Tensor mix, in Tensor gateLogit, in Tensor output, in Tensor down, in Tensor sharedDown, int width, int groups)
    {
        switch (slices)
        {
            case 2:
                MixtureDownRowsSlices2xRoundedLauncher.Launch(Stream, inner, experts, mix, gateLogit, output, down, sharedDown, width, groups);
                break;
            case 4:
                MixtureDownRowsSlices4xRoundedLauncher.Launch(Stream, inner, experts, mix, gateLogit, output, down, sharedDown, width, groups);
                break;
            default:
                MixtureDownRowsSlices8xRoundedLauncher.Launch(Stream, inner, experts, mix, gateLogit, output, down, sharedDown, width, groups);
                break;
        }
    }
}
