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

    public TermUse TermUse =>
        !_layer.Ops.ExpertMixture.TakesTerms(_experts, _shared) ? TermUse.None : RouterTakesTerms ? TermUse.Instead : TermUse.Beside;

    private bool RouterTakesTerms => _layer.Ops.GateLinear.TakesTerms(_router);

    public bool Norms(StepContext step) => _layer.Peers is null && Routes(step);

    public Addend Forward(NormedRows x, Tensor projected, Tensor output, StepContext step)
    {
        KernelSet ops = _layer.Ops;
        ArenaMark mark = step.Arena.Mark();
        RouterChoice choice = Choice(projected, step);
        if (projected.IsEmpty && Routes(step))
        {
            ops.NormedRouter!.Run(x.Values, choice);
        }
        else
        {
            if (projected.IsEmpty)
            {
                ops.GateLinear.Run(x.Values, _router, choice.Logits, step.Batch.PromptRows, RouterTakesTerms && step.Batch.PromptRows > 0 ? x.Terms : default);
            }

            ops.ExpertRouter.Run(choice.Logits.Columns(0, choice.Count), choice.Renormalise, choice.Experts, choice.Weights);
        }

        Addend sum = Mix(x, choice, output, step);
        step.Arena.Release(mark);
        return sum;
    }

    public Addend Forward(ResidualNorm norm, Tensor residual, Tensor delta, Tensor kept, Tensor normed, Tensor output, StepContext step)
    {
        ArenaMark mark = step.Arena.Mark();
        RouterChoice choice = Choice(projected: default, step);
        norm.Route(residual, delta, kept, normed, choice, step);
        Addend sum = Mix(new NormedRows(normed), choice, output, step);
        step.Arena.Release(mark);
        return sum;
    }

    // Whether the router's product and the choice are one launch, with the norm or without.
    private bool Routes(StepContext step) =>
        _layer.Ops.NormedRouter?.Takes(step.Batch.Rows, step.Batch.PromptRows, _router, _experts.Count, _layer.Config.TopK) == true;

    private RouterChoice Choice(Tensor projected, StepContext step)
    {
        long rows = step.Batch.Rows, count = _experts.Count, topK = _layer.Config.TopK;
        Tensor logits = projected.IsEmpty ? step.Arena.Product(rows, count + 1) : projected;
        return new RouterChoice(_router, (int)count, _layer.Config.RenormaliseTopK, logits, step.Arena.I32(rows, topK), step.Arena.F32(rows, topK));
    }

    // Experts of rows of one class may leave the sum to the norm behind them.
    private Addend Mix(NormedRows x, in RouterChoice choice, Tensor output, StepContext step)
    {
        ExpertMixture mixture = _layer.Ops.ExpertMixture;
        Tensor scratch = step.Arena.Raw(mixture.ScratchBytes(_experts, _shared, step.Batch.Rows, _layer.Config.TopK));
        Tensor gate = choice.Logits.Columns(choice.Count, 1);
        long prompts = step.Batch.PromptRows;
        if ((prompts == 0 || prompts == step.Batch.Rows) && _layer.Peers is null && _layer.Ops.SummedNorm?.Takes(_layer.Config.Hidden) == true)
        {
            return new Addend(output, Parts: mixture.RunInParts(x.Values, _experts, _shared, choice.Experts, choice.Weights, gate, scratch, output, prompts, x.Terms));
        }

        mixture.Run(x.Values, _experts, _shared, choice.Experts, choice.Weights, gate, scratch, output, prompts, x.Terms);
        _sum.CompleteForNorm(output);
        return new Addend(output);
    }
}
