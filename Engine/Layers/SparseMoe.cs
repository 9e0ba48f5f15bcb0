using Lean.Comm;
using Lean.Engine.Running;
using Lean.Engine.Weights;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>
/// A mixture of experts: Σ over the top-k experts by rank, plus sigmoid(x·g) times the shared expert. The router and the
/// shared expert's gate are one linear, which every rank has; of each expert, and of the shared one, ranks hold slices of its
/// width, so what they compute is a part of the whole mixture.
/// </summary>
internal sealed class SparseMoe : IMlp
{
    private readonly LayerContext _layer;
    private readonly LinearWeight _router;     // [E + 1, H]
    private readonly ExpertWeights _experts;   // E × ([I, H], [I, H], [H, I])
    private readonly SharedExpert _shared;     // [2·SharedWidth, H], [H, SharedWidth]
    private readonly PartialSum _sum;

    public SparseMoe(RouterWeights router, SharedExpertWeights shared, ExpertWeights experts, LayerContext layer)
    {
        (_layer, _experts) = (layer, experts);
        _router = layer.Parameters.Linear(router.Gate, shared.SharedGate);
        _shared = new SharedExpert(layer.Column(shared.Gate, shared.Up), layer.Parameters.Linear(shared.Down));
        _sum = new PartialSum(CollectivePurpose.Mlp, layer);
    }

    public long Bytes(long rows) =>
        (rows * sizeof(float) * (_experts.Count + Arena.Pad + (2 * _layer.Config.TopK))) + _layer.Ops.ExpertMixture.ScratchBytes(_experts, _shared, rows, _layer.Config.TopK);

    public LinearWeight Input => _router;

    public TermUse TermUse => _layer.Ops.ExpertMixture.TakesTerms(_experts, _shared) ? TermUse.Beside : TermUse.None;

    public void Forward(NormedRows x, Tensor projected, Tensor output, StepContext step)
    {
        KernelSet ops = _layer.Ops;
        long rows = step.Batch.Rows, count = _experts.Count, topK = _layer.Config.TopK;
        ArenaMark mark = step.Arena.Mark();
        Tensor logits = projected.IsEmpty ? step.Arena.Product(rows, count + 1) : projected;
        Tensor chosen = step.Arena.I32(rows, topK);
        Tensor mix = step.Arena.F32(rows, topK);
        Tensor scratch = step.Arena.Raw(ops.ExpertMixture.ScratchBytes(_experts, _shared, rows, topK));

        if (projected.IsEmpty)
        {
            ops.GateLinear.Run(x.Values, _router, logits, step.Batch.PromptRows);
        }

        ops.ExpertRouter.Run(logits.Columns(0, count), _layer.Config.RenormaliseTopK, chosen, mix);
        ops.ExpertMixture.Run(x.Values, _experts, _shared, chosen, mix, logits.Columns(count, 1), scratch, output, step.Batch.PromptRows, x.Terms);
        _sum.CompleteForNorm(output);
        step.Arena.Release(mark);
    }
}
