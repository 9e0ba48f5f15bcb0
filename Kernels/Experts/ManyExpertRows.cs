using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// Experts of generated rows that share them, on Hopper (Kernels/Device/Ops/ExpertRowsRing.cs), and a shared expert as one more of them, in two
/// launches and one that adds up, which a norm behind them may do instead: where weights and rows lie and how many rows there are decide whether they run there, and the bits are those of the kernels they stand for.
/// </summary>
/// <param name="stream">The device.</param>
/// <param name="rounds">Whether activations are rounded to bf16, instead of going in as two terms.</param>
internal sealed class ManyExpertRows(KernelStream stream, bool rounds)
{
    // As in ExpertRowsTiles, ExpertRowsChoice, ExpertRowsRing and IRowTile of Kernels/Device.
    private const long MostTiles = 768;
    private const long MostExperts = 512, MostWords = 5120, Neighbours = 256, WordRows = 32;
    private const long EightRows = 8, SixteenRows = 16;

    // Beyond so many rows an expert in the mean, too many have more than eight: their weights would be read twice. Where a rank has some of the
    // experts, all ranks' entries count, so that wider tiles begin sooner; no bit depends on it.
    private const long MostOfEight = 3;

    private readonly LinearMatrixUnits _units = new(stream, rounds);
    private readonly RowUnits _rowUnits = new(stream, rounds);

    /// <summary>Queues all of it, if the copy engine reaches the weights and their rows lie on one grid.</summary>
    /// <param name="x">f32 [T, H].</param>
    /// <param name="weights">The experts.</param>
    /// <param name="shared">An expert that every row goes through besides, or null.</param>
    /// <param name="experts">i32 [T, K].</param>
    /// <param name="mix">f32 [T, K].</param>
    /// <param name="gateLogit">f32 [T, 1]: its sigmoid multiplies the shared expert's sums; empty without one.</param>
    /// <param name="scratch">What <see cref="ExpertScratch"/> takes, with the shared expert's rows if there is one.</param>
    /// <param name="output">f32 [T, H].</param>
    /// <returns>Whether it was done.</returns>
    public bool TryRun(
        in Tensor x, ExpertWeights weights, SharedExpert? shared, in Tensor experts, in Tensor mix, in Tensor gateLogit, nint scratch, in Tensor output)
    {
        bool runs = TryRun(x, weights, shared, experts, mix, gateLogit, scratch, out ExpertParts parts);
        if (runs)
        {
            ExpertSum.Run(stream, parts, output);
        }

        return runs;
    }

    /// <summary>The same without the sum.</summary>
    /// <param name="x">f32 [T, H].</param>
    /// <param name="weights">The experts.</param>
    /// <param name="shared">An expert that every row goes through besides, or null.</param>
    /// <param name="experts">i32 [T, K].</param>
    /// <param name="mix">f32 [T, K].</param>
    /// <param name="gateLogit">f32 [T, 1]; empty without a shared expert.</param>
    /// <param name="scratch">As above: the parts lie there.</param>
    /// <param name="given">What the experts gave, without a total where there is no shared one.</param>
    /// <returns>Whether it was done.</returns>
    public bool TryRun(
        in Tensor x, ExpertWeights weights, SharedExpert? shared, in Tensor experts, in Tensor mix, in Tensor gateLogit, nint scratch, out ExpertParts given)
    {
        given = default;
        long hidden = weights.Hidden, width = weights.Width, rows = x.Shape[0], topK = experts.Shape[1];
        if (stream.MatrixUnits != MatrixUnits.WarpGroup || !Takes(rows, topK, weights.Count, shared is not null)
            || !weights.TryStack(out Tensor gates, out Tensor ups, out Tensor downs)
            || !_units.Takes(gates, hidden) || !_units.Takes(ups, hidden) || !_units.Takes(downs, width) || !_rowUnits.Takes(x, gates)
            || gates.RowStride % hidden != 0 || ups.RowStride % hidden != 0 || downs.RowStride % width != 0
            || (shared is { } one && !ExpertMatrices.Takes(_units, one, width)))
        {
            return false;
        }

        long free = scratch;
        var memory = new ExpertScratch(ref free, _units, weights, rows, topK, slots: 0, hasShared: shared is not null);
        Tensor gate = ExpertMatrices.Matrix(gates, hidden, width), up = ExpertMatrices.Matrix(ups, hidden, width), down = ExpertMatrices.Matrix(downs, width, hidden);
        Tensor sharedGate = shared?.GateUp.Rows(0, width) ?? gate, sharedUp = shared?.GateUp.Rows(width, width) ?? up, sharedDown = shared?.Down.Rows(0, hidden) ?? down;
        Tensor inner = memory.Inner, parts = memory.Parts, places = memory.Places(topK);
        int gateStep = ExpertMatrices.Step(gates, hidden), upStep = ExpertMatrices.Step(ups, hidden), downStep = ExpertMatrices.Step(downs, width);
        int slices = RowUnits.Slices(hidden), downSlices = RowUnits.Slices(width), groups = stream.Multiprocessors;
        int count = weights.Count, first = weights.First, sharedRows = shared is null ? 0 : (int)rows;
        switch (rows * topK > MostOfEight * count, rounds)
        {
            case (false, false):
                ExpertGateUpRingEightLauncher.Launch(
                    stream, gate, up, sharedGate, sharedUp, x, inner, experts, places, count, first, sharedRows, gateStep, upStep, slices, groups);
                ExpertDownRingEightLauncher.Launch(stream, down, sharedDown, inner, parts, experts, count, first, sharedRows, downStep, downSlices, groups);
                break;
            case (false, true):
                ExpertGateUpRingEightRoundedLauncher.Launch(
                    stream, gate, up, sharedGate, sharedUp, x, inner, experts, places, count, first, sharedRows, gateStep, upStep, slices, groups);
                ExpertDownRingEightRoundedLauncher.Launch(stream, down, sharedDown, inner, parts, experts, count, first, sharedRows, downStep, downSlices, groups);
                break;
            case (true, false):
                ExpertGateUpRingSixteenLauncher.Launch(
                    stream, gate, up, sharedGate, sharedUp, x, inner, experts, places, count, first, sharedRows, gateStep, upStep, slices, groups);
                ExpertDownRingSixteenLauncher.Launch(stream, down, sharedDown, inner, parts, experts, count, first, sharedRows, downStep, downSlices, groups);
                break;
            case (true, true):
                ExpertGateUpRingSixteenRoundedLauncher.Launch(
                    stream, gate, up, sharedGate, sharedUp, x, inner, experts, places, count, first, sharedRows, gateStep, upStep, slices, groups);
                ExpertDownRingSixteenRoundedLauncher.Launch(stream, down, sharedDown, inner, parts, experts, count, first, sharedRows, downStep, downSlices, groups);
                break;
        }

        // Down lets who adds up begin only when gate and up have ended, which wrote the places.
        given = new ExpertParts(places, mix, parts, shared is null ? default : parts.Rows(places.Shape.Count, sharedRows), gateLogit, AreEarly: true);
        return true;
    }

    // What groups have room to list.
    private static bool Takes(long rows, long topK, long experts, bool hasShared)
    {
        long entries = rows * topK, tile = entries > MostOfEight * experts ? SixteenRows : EightRows;
        long tiles = (entries / tile) + long.Min(experts, entries) + (hasShared ? (rows + tile - 1) / tile : 0);
        return topK > 0 && experts is > 0 and <= MostExperts && tiles <= MostTiles
            && (rows + (2 * WordRows) - 1) / (2 * WordRows) * 2 * ((experts + Neighbours - 1) / Neighbours * Neighbours) <= MostWords;
    }
}
