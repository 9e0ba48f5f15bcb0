using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// A mixture of experts on a device: few generated rows in two launches on the matrix units, straight from their choice; more, and
/// prompts' rows, on Hopper with the shared expert as one more of the routed ones; elsewhere, and what has no room or no place
/// there, generated rows with the shared expert in a branch of the stream beside the routed ones, which group rows by expert, and
/// prompts', and generated ones beside them, by the two ops, one after the other. All add up in the same order.
/// </summary>
internal sealed class ExpertMixtureDevice(KernelStream stream, DType activations, GroupedExpertsDevice routed, GatedMlp mlp) : ExpertMixture
{
    private const long Alignment = 64;

    // Beyond so many rows the shared expert keeps the device busy by itself.
    private const long MostBeside = 512;

    // Up to so many rows, as NormedLinearDevice takes, leave nothing: what follows norms them for itself. Nor do those of few pairs, which FewExpertRows adds up.
    private const long MostWhole = 4;

    private readonly FewExpertRows _few = new(stream, activations == DType.BF16);
    private readonly ManyExpertRows _many = new(stream, activations == DType.BF16);
    private readonly PromptExperts _prompt = new(stream, activations == DType.BF16);
    private readonly ExpertMixtureInTwo _inTwo = new(routed, mlp);

    public override long ScratchBytes(ExpertWeights weights, SharedExpert shared, long rows, long topK) => long.Max(
        long.Max(_inTwo.ScratchBytes(weights, shared, rows, topK), _prompt.ScratchBytes(weights, rows, topK)),
        long.Max(
            FewExpertRows.ScratchBytes(rows, topK, weights.Width, shared.Down.Inputs),
            BesideBytes(weights, shared, long.Min(rows, MostBeside), topK)));

    public override bool TakesTerms(ExpertWeights weights, SharedExpert shared) => _prompt.Takes(weights, shared);

    private protected override void Launch(
        Tensor x, ExpertWeights weights, SharedExpert shared, Tensor experts, Tensor mix, Tensor gateLogit, Tensor scratch, Tensor output, long promptRows) =>
        Launch(x, terms: default, weights, shared, experts, mix, gateLogit, scratch, output, promptRows);

    private protected override void Launch(
        Tensor x, Tensor terms, ExpertWeights weights, SharedExpert shared, Tensor experts, Tensor mix, Tensor gateLogit, Tensor scratch, Tensor output, long promptRows)
    {
        bool hasPrompts = promptRows > 0;
        if (hasPrompts && _prompt.TryRun(
            x.Rows(0, promptRows), terms, weights, shared, experts.Rows(0, promptRows), mix.Rows(0, promptRows), gateLogit.Rows(0, promptRows), scratch.Address, output.Rows(0, promptRows)))
        {
            long generated = x.Shape[0] - promptRows;
            if (generated == 0)
            {
                return;
            }

            (x, experts, mix) = (x.Rows(promptRows, generated), experts.Rows(promptRows, generated), mix.Rows(promptRows, generated));
            (gateLogit, output, promptRows) = (gateLogit.Rows(promptRows, generated), output.Rows(promptRows, generated), 0);
        }

        if (promptRows == 0 && (_few.TryRun(x, weights, shared, experts, mix, gateLogit, scratch.Address, output)
            || _many.TryRun(x, weights, shared, experts, mix, gateLogit, scratch.Address, output)))
        {
            return;
        }

        if (hasPrompts || x.Shape[0] > MostBeside)
        {
            _inTwo.Run(x, weights, shared, experts, mix, gateLogit, scratch, output, promptRows);
        }
        else
        {
            Beside(x, weights, shared, experts, mix, gateLogit, scratch, output);
        }
    }

    private protected override ExpertParts LaunchInParts(
        Tensor x, Tensor terms, ExpertWeights weights, SharedExpert shared, Tensor experts, Tensor mix, Tensor gateLogit, Tensor scratch, Tensor output, long promptRows)
    {
        if (promptRows > 0)
        {
            if (_prompt.TryRun(x, terms, weights, shared, experts, mix, gateLogit, scratch.Address, out ExpertParts prompts))
            {
                return prompts;
            }

            Launch(x, terms, weights, shared, experts, mix, gateLogit, scratch, output, promptRows);
            return default;
        }

        if (_few.TryRun(x, weights, shared, experts, mix, gateLogit, scratch.Address, output))
        {
            return default;
        }

        if (x.Shape[0] > MostWhole && _many.TryRun(x, weights, shared, experts, mix, gateLogit, scratch.Address, out ExpertParts parts))
        {
            return parts;
        }

        Launch(x, terms: default, weights, shared, experts, mix, gateLogit, scratch, output, promptRows: 0);
        return default;
    }

    private protected override void LaunchSum(in ExpertParts parts, Tensor output) => ExpertSum.Run(stream, parts, output);

    private void Beside(
        Tensor x, ExpertWeights weights, SharedExpert shared, Tensor experts, Tensor mix, Tensor gateLogit, Tensor scratch, Tensor output)
    {
        // Each begins aligned whatever the number of rows, which must not decide what multiplies them.
        nint free = scratch.Address + (nint)Aligned(routed.ScratchBytes(weights, x.Shape[0], experts.Shape[1]));
        var total = new Tensor(DType.F32, x.Shape, free);
        var inner = new Tensor(DType.F32, new Shape(x.Shape[0], shared.GateUp.Outputs), free + (nint)Aligned(total.Bytes));
        stream.BeginBranch();
        mlp.Run(x, shared.GateUp, shared.Down, gateLogit: default, add: default, inner, total, promptRows: 0);
        stream.EndBranch();
        routed.RunBeside(x, weights, experts, mix, total, gateLogit, scratch, output);
    }

    private long BesideBytes(ExpertWeights weights, SharedExpert shared, long rows, long topK) =>
        Aligned(routed.ScratchBytes(weights, rows, topK)) + Aligned(rows * weights.Hidden * sizeof(float)) + (rows * shared.GateUp.Outputs * sizeof(float));

    private static long Aligned(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;
}
