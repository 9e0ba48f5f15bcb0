using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// Experts of few generated rows on the matrix units, in two launches, straight from the rows' choice: the routed experts, and
/// the shared one beside them where there is one. The bits are those of the launches for more rows.
/// </summary>
/// <param name="stream">The device.</param>
/// <param name="rounds">Whether activations are rounded to bf16.</param>
internal sealed class FewExpertRows(KernelStream stream, bool rounds)
{
    // As in Kernels/Device/Ops, MixtureRows.cs and MixtureDownRows.cs. Beyond so many pairs so many rows share experts that grouping them pays.
    private const long MostPairs = 40;
    private const long MostItems = 128;

    private readonly RowUnits _units = new(stream, rounds);

    /// <summary>Bytes of what stands between the two launches: two bf16 terms of each of [T, K·I + J]; 0 for rows that are too many.</summary>
    /// <param name="rows">T.</param>
    /// <param name="topK">K.</param>
    /// <param name="width">I.</param>
    /// <param name="sharedWidth">J, or 0.</param>
    public static long ScratchBytes(long rows, long topK, long width, long sharedWidth) =>
        rows * topK <= MostPairs ? rows * ((topK * width) + sharedWidth) * 2 * sizeof(ushort) : 0;

    /// <summary>Runs the rows if it can; whether it can depends on their number and on where the model's weights lie.</summary>
    /// <param name="x">f32 [T, H].</param>
    /// <param name="weights">The routed experts.</param>
    /// <param name="shared">The shared expert, or null.</param>
    /// <param name="experts">i32 [T, K].</param>
    /// <param name="mix">f32 [T, K].</param>
    /// <param name="gateLogit">f32 [T, 1], empty without a shared expert.</param>
    /// <param name="scratch">As many bytes as <see cref="ScratchBytes"/>.</param>
    /// <param name="output">f32 [T, H].</param>
    public bool TryRun(
        in Tensor x, ExpertWeights weights, SharedExpert? shared, in Tensor experts, in Tensor mix, in Tensor gateLogit, nint scratch, in Tensor output)
    {
        long rows = x.Shape[0], topK = experts.Shape[1], hidden = weights.Hidden, width = weights.Width;
        if (rows * topK > MostPairs || weights.IsPart || !weights.TryStack(out Tensor gates, out Tensor ups, out Tensor downs)
            || shared is { } one && (one.GateUp.Parts.Length != 1 || one.Down.Parts.Length != 1))
        {
            return false;
        }

        // Without a shared expert its matrices have no rows and no columns.
        long sharedWidth = shared?.Down.Inputs ?? 0;
        Tensor sharedGate = shared?.GateUp.Rows(0, sharedWidth) ?? new Tensor(gates.Type, new Shape(0, hidden), gates.Address);
        Tensor sharedUp = shared?.GateUp.Rows(sharedWidth, sharedWidth) ?? sharedGate;
        Tensor sharedDown = shared?.Down.Rows(0, hidden) ?? new Tensor(gates.Type, new Shape(hidden, 0), gates.Address);

        // Two terms of each number, first ones and second ones in turns of eight.
        var inner = new Tensor(DType.BF16, new Shape(rows, 2 * ((topK * width) + sharedWidth)), scratch);
        if (hidden % 8 != 0 || width % 8 != 0 || !_units.Takes(x, gates) || !_units.Takes(x, ups) || !_units.Takes(inner, downs)
            || (topK + (shared is null ? 0 : 1)) * RowUnits.Slices(width) > MostItems
            || shared is not null && (!_units.Takes(x, sharedGate) || !_units.Takes(x, sharedUp) || !_units.Takes(inner, sharedDown) || !RowUnits.IsCutAlike(width, sharedWidth)))
        {
            return false;
        }

        _units.MixtureGateUp(x, experts, inner, gates, ups, sharedGate, sharedUp, (int)width);
        _units.MixtureDown(inner, experts, mix, gateLogit, output, downs, sharedDown, (int)width);
        return true;
    }
}
