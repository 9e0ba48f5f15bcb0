using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// A mixture on the CPU: the shared expert is one more beside the routed ones, that every row goes through. So few rows take
/// three launches less, and what is left is large enough to share between threads.
/// </summary>
internal sealed class ExpertMixtureCpu(CpuBackend backend, ExpertMixtureInTwo inTwo) : ExpertMixture
{
    public override long ScratchBytes(ExpertWeights weights, SharedExpert shared, long rows, long topK) => IsOne(weights, shared)
        ? GroupedExpertsCpu.ScratchBytes(weights, shared, rows, topK)
        : inTwo.ScratchBytes(weights, shared, rows, topK);

    private protected override void Launch(
        Tensor x, ExpertWeights weights, SharedExpert shared, Tensor experts, Tensor mix, Tensor gateLogit, Tensor scratch, Tensor output, long promptRows)
    {
        if (IsOne(weights, shared))
        {
            GroupedExpertsCpu.Launch(backend, x, weights, shared, experts, mix, gateLogit, scratch, output);
        }
        else
        {
            inTwo.Run(x, weights, shared, experts, mix, gateLogit, scratch, output, promptRows);
        }

        // Its blocks' addresses are all that the launch holds.
        GC.KeepAlive(shared);
    }

    // Whether the shared expert's matrices are of the routed ones' type and each lies in one piece: gate and up side by side or apart.
    private static bool IsOne(ExpertWeights weights, SharedExpert shared)
    {
        ReadOnlySpan<LinearWeight.Part> gateUp = shared.GateUp.Parts;
        return shared.GateUp.Type == weights.Type && shared.Down.Type == weights.Type && shared.Down.Parts.Length == 1
            && (gateUp.Length == 1 || (gateUp.Length == 2 && gateUp[0].Rows == shared.Down.Inputs));
    }
}
