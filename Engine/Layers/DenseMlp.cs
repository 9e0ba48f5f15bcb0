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
    private readonly LinearWeight _down;   // [H, FF]

    public DenseMlp(DenseMlpWeights weights, LayerContext layer)
    {
        _layer = layer;
        _gateUp = layer.Parameters.Linear(weights.Gate, weights.Up);
        _down = layer.Parameters.Linear(weights.Down);
    }

    public void Forward(Tensor x, Tensor output, StepContext step)
    {
        ArenaMark mark = step.Arena.Mark();
        Tensor scratch = step.Arena.F32(step.Batch.Rows, _gateUp.Outputs);
        _layer.Ops.GatedMlp.Run(x, _gateUp, _down, gateLogit: default, add: default, scratch, output, step.Batch.PromptRows);
        step.Arena.Release(mark);
    }
}
