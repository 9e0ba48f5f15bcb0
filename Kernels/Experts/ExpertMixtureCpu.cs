using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// A mixture on the CPU: of few rows the shared expert is one more beside the routed ones, that every row goes through. They
/// take three launches less, and what is left is large enough to share between threads. Of many rows its blocks would be the
/// longest by far and the last of the launch, which one thread would be left with: those take launches of their own. The bits
/// are the same.
/// </summary>
internal sealed class ExpertMixtureCpu(CpuBackend backend, DType activations, ExpertMixtureInTwo inTwo) : ExpertMixture
{
    private const long MostRows = 64;

    public override long ScratchBytes(ExpertWeights weights, SharedExpert shared, long rows, long topK) => IsOne(weights, shared, rows)
        ? GroupedExpertsCpu.ScratchBytes(weights, shared, rows, topK)
        : inTwo.ScratchBytes(weights, shared, rows, topK);

    private protected override void Launch(
        Tensor x, ExpertWeights weights, SharedExpert shared, Tensor experts, Tensor mix, Tensor gateLogit, Tensor scratch, Tensor output, long promptRows)
    {
        if (IsOne(weights, shared, x.Shape[0]))
        {
            GroupedExpertsCpu.Launch(backend, activations, x, weights, shared, experts, mix, gateLogit, scratch, output);
        }
        else
        {
            inTwo.Run(x, weights, shared, experts, mix, gateLogit, scratch, output, promptRows);
        }

        // Its blocks' addresses are all that the launch holds.
        GC.KeepAlive(shared);
    }

    // Whether rows are few, and the shared expert's matrices are of the routed ones' type and each lies in one piece: gate and up side by side or apart.
    private static bool IsOne(ExpertWeights weights, SharedExpert shared, long rows)
    {
        ReadOnlySpan<LinearWeight.Part> gateUp = shared.GateUp.Parts;
        return rows <= MostRows && shared.GateUp.Type == weights.Type && shared.Down.Type == weights.Type && shared.Down.Parts.Length == 1
            && (gateUp.Length == 1 || (gateUp.Length == 2 && gateUp[0].Rows == shared.Down.Inputs));
    }
}
