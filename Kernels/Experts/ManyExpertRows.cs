using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// Routed experts of generated rows that share them, on Hopper (Kernels/Device/Ops/ExpertRowsRing.cs): where the weights lie and how many
/// entries there are decide whether they run there, and the bits are those of the kernels they stand for.
/// </summary>
/// <param name="stream">The device.</param>
/// <param name="rounds">Whether activations are rounded to bf16, instead of going in as two terms.</param>
internal sealed class ManyExpertRows(KernelStream stream, bool rounds)
{
    // As in ExpertRowsTiles, ExpertRowsRing and IRowTile of Kernels/Device.
    private const long MostTiles = 768;
    private const long EightRows = 8, SixteenRows = 16;

    // Beyond so many rows an expert in the mean, too many have more than eight: their weights would be read twice.
    private const long MostOfEight = 3;

    private readonly LinearMatrixUnits _units = new(stream, rounds);

    /// <summary>Queues gates and ups, then downs, if the copy engine reaches the weights and their rows lie on one grid.</summary>
    /// <param name="x">f32 [T, H].</param>
    /// <param name="weights">The experts.</param>
    /// <param name="gates">Their gates [E, I·H].</param>
    /// <param name="ups">Their ups [E, I·H].</param>
    /// <param name="downs">Their downs [E, H·I].</param>
    /// <param name="buffers">Has the entries by expert; gets the parts of all places.</param>
    /// <returns>Whether it was done.</returns>
    public bool TryRun(in Tensor x, ExpertWeights weights, in Tensor gates, in Tensor ups, in Tensor downs, in ExpertScratch buffers)
    {
        long hidden = weights.Hidden, width = weights.Width, entries = buffers.Rows.Shape[0], experts = weights.Count;
        bool isWide = entries > MostOfEight * experts;
        if (stream.MatrixUnits != MatrixUnits.WarpGroup || (entries / (isWide ? SixteenRows : EightRows)) + long.Min(experts, entries) > MostTiles
            || !_units.Takes(gates, hidden) || !_units.Takes(ups, hidden) || !_units.Takes(downs, width)
            || gates.RowStride % hidden != 0 || ups.RowStride % hidden != 0 || downs.RowStride % width != 0)
        {
            return false;
        }

        Tensor gate = PromptExperts.Matrix(gates, hidden, width), up = PromptExperts.Matrix(ups, hidden, width), down = PromptExperts.Matrix(downs, width, hidden);
        Tensor inner = buffers.Inner, parts = buffers.Parts, rows = buffers.Rows, counts = buffers.Counts;
        int gateStep = PromptExperts.Step(gates, hidden), upStep = PromptExperts.Step(ups, hidden), downStep = PromptExperts.Step(downs, width);
        int slices = RowUnits.Slices(hidden), downSlices = RowUnits.Slices(width), groups = stream.Multiprocessors;
        switch (isWide, rounds)
        {
            case (false, false):
                ExpertGateUpRingEightLauncher.Launch(stream, gate, up, x, inner, rows, counts, gateStep, upStep, slices, groups);
                ExpertDownRingEightLauncher.Launch(stream, down, inner, parts, counts, downStep, downSlices, groups);
                break;
            case (false, true):
                ExpertGateUpRingEightRoundedLauncher.Launch(stream, gate, up, x, inner, rows, counts, gateStep, upStep, slices, groups);
                ExpertDownRingEightRoundedLauncher.Launch(stream, down, inner, parts, counts, downStep, downSlices, groups);
                break;
            case (true, false):
                ExpertGateUpRingSixteenLauncher.Launch(stream, gate, up, x, inner, rows, counts, gateStep, upStep, slices, groups);
                ExpertDownRingSixteenLauncher.Launch(stream, down, inner, parts, counts, downStep, downSlices, groups);
                break;
            case (true, true):
                ExpertGateUpRingSixteenRoundedLauncher.Launch(stream, gate, up, x, inner, rows, counts, gateStep, upStep, slices, groups);
                ExpertDownRingSixteenRoundedLauncher.Launch(stream, down, inner, parts, counts, downStep, downSlices, groups);
                break;
        }

        return true;
    }
}
