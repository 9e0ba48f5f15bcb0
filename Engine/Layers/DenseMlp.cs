using Lean.Comm;
using Lean.Engine.Running;
using Lean.Engine.Weights;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>down(silu(gate·x) ⊙ up·x).</summary>
internal sealed class DenseMlp : IMlp
{
    private readonly LayerContext _layer;
    private readonly LinearWeight _gateUp; // [2·FF, H]
    private readonly RowLinear _down;      // [H, FF]

    public DenseMlp(DenseMlpWeights weights, LayerContext layer)
    {
        _layer = layer;
        _gateUp = layer.Column(weights.Gate, weights.Up);
        _down = layer.Row(weights.Down, CollectivePurpose.Mlp);
    }

    public long Bytes(long rows) => rows * sizeof(float) * _gateUp.Outputs;

    public LinearWeight? Input => null;

    public TermUse TermUse => _layer.Ops.GatedMlp.TakesTerms(_gateUp, _down.Weight) ? TermUse.Instead : TermUse.None;

    public Addend Forward(NormedRows x, Tensor projected, Tensor output, StepContext step)
    {
        ArenaMark mark = step.Arena.Mark();
        Tensor scratch = step.Arena.F32(step.Batch.Rows, _gateUp.Outputs);
        _layer.Ops.GatedMlp.Run(x.Values, _gateUp, _down.Weight, gateLogit: default, add: default, scratch, output, step.Batch.PromptRows, x.Terms);
        _down.Complete(output);
        step.Arena.Release(mark);
        return new Addend(output);
    }
}
