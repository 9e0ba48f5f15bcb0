using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// A mixture of experts on a device: few generated rows in two launches on the matrix units, straight from their choice;
/// more rows, and prompts', by the two ops, which group rows by expert. Both add up in the same order.
/// </summary>
internal sealed class ExpertMixtureDevice(KernelStream stream, GroupedExperts routed, GatedMlp mlp) : ExpertMixture
{
    // Beyond these so many rows share experts that grouping them pays.
    private const long MostPairs = 40;

    // As in Kernels/Device/Ops/MixtureRows.cs.
    private const long MostItems = 128;

    private readonly RowUnits _units = new(stream);
    private readonly ExpertMixtureInTwo _inTwo = new(routed, mlp);

    public override long ScratchBytes(ExpertWeights weights, SharedExpert shared, long rows, long topK) => long.Max(
        _inTwo.ScratchBytes(weights, shared, rows, topK),
        rows * topK <= MostPairs ? Inner(weights, shared, rows, topK, 0).Bytes : 0);

    private protected override void Launch(
        Tensor x, ExpertWeights weights, SharedExpert shared, Tensor experts, Tensor mix, Tensor gateLogit, Tensor scratch, Tensor output, long promptRows)
    {
        long rows = x.Shape[0], topK = experts.Shape[1];
        if (promptRows > 0 || rows * topK > MostPairs || shared.GateUp.Parts.Length != 1 || shared.Down.Parts.Length != 1
            || !weights.TryStack(out Tensor gates, out Tensor ups, out Tensor downs))
        {
            _inTwo.Run(x, weights, shared, experts, mix, gateLogit, scratch, output, promptRows);
            return;
        }

        long width = weights.Width, sharedWidth = shared.Down.Inputs;
        Tensor inner = Inner(weights, shared, rows, topK, scratch.Address);
        Tensor sharedGate = shared.GateUp.Rows(0, sharedWidth), sharedUp = shared.GateUp.Rows(sharedWidth, sharedWidth);
        Tensor sharedDown = shared.Down.Rows(0, weights.Hidden);
        bool takes = weights.Hidden % 8 == 0 && width % 8 == 0 && _units.Takes(x, gates) && _units.Takes(x, ups) && _units.Takes(inner, downs)
            && _units.Takes(x, sharedGate) && _units.Takes(x, sharedUp) && _units.Takes(inner, sharedDown)
            && RowUnits.Slices(width) == RowUnits.Slices(sharedWidth) && (topK + 1) * RowUnits.Slices(width) <= MostItems;
        if (!takes)
        {
            _inTwo.Run(x, weights, shared, experts, mix, gateLogit, scratch, output, promptRows);
            return;
        }

        _units.MixtureGateUp(x, experts, inner, gates, ups, sharedGate, sharedUp, (int)width);
        _units.MixtureDown(inner, experts, mix, gateLogit, output, downs, sharedDown, (int)width);
    }

    // What stands between the products: every rank's, then the shared expert's.
    private static Tensor Inner(ExpertWeights weights, SharedExpert shared, long rows, long topK, nint address) =>
        new(DType.F32, new Shape(rows, (topK * weights.Width) + shared.Down.Inputs), address);
}
