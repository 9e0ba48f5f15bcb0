using Lean.Engine.Models;
using Lean.Engine.Running;
using Lean.Engine.Weights;
using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>
/// norm → mixer → norm → mlp. What a half adds to the residual stream is added by the next norm, so each layer takes the
/// last delta and leaves its own.
/// </summary>
internal sealed class DecoderLayer
{
    private readonly ResidualNorm _inputNorm;
    private readonly ResidualNorm _postAttentionNorm;
    private readonly IMixer _mixer;
    private readonly IMlp _mlp;
    private readonly LayerContext _layer;

    /// <param name="index">Which layer of the model this is.</param>
    /// <param name="norms">The weights of its norms.</param>
    /// <param name="mixer">Attention or Gated DeltaNet.</param>
    /// <param name="mlp">Its MLP.</param>
    /// <param name="layer">What layers are built from.</param>
    public DecoderLayer(int index, DecoderNormWeights norms, IMixer mixer, IMlp mlp, LayerContext layer)
    {
        (_mixer, _mlp, _layer) = (mixer, mlp, layer);
        _inputNorm = new ResidualNorm(layer.Parameters.Small(norms.Input), FaultPlace.BeforeMixer(index), layer, layer.Ops.NormedLinear);
        _postAttentionNorm = new ResidualNorm(layer.Parameters.Small(norms.PostAttention), FaultPlace.BeforeMlp(index), layer, layer.Ops.NormedGateLinear);
    }

    /// <summary>Bytes of the step's memory that the layer takes beside what it is given.</summary>
    /// <param name="rows">T.</param>
    public long Bytes(long rows) => long.Max(_mixer.Bytes(rows), _mlp.Bytes(rows));

    /// <summary>Runs the layer.</summary>
    /// <param name="residual">f32 [T, H], updated.</param>
    /// <param name="pending">What the layer before adds, or nothing.</param>
    /// <param name="normed">f32 [T, H], scratch.</param>
    /// <param name="delta">f32 [T, H]: room for what this layer adds; may be where <paramref name="pending"/> has its rows.</param>
    /// <param name="step">The step.</param>
    /// <returns>What its MLP adds.</returns>
    public Addend Forward(Tensor residual, Addend pending, Tensor normed, Tensor delta, StepContext step)
    {
        bool routes = _mlp.Norms(step);
        if (pending.IsWhole && _inputNorm.Projects(_mixer.Input, step) && (routes || _postAttentionNorm.Projects(_mlp.Input, step)))
        {
            // The one writes beside the residual, the other back.
            ArenaMark mark = step.Arena.Mark();
            Tensor kept = step.Arena.F32(residual.Shape[0], residual.Shape[1]);
            Tensor mixed = _mixer.Forward(x: default, _inputNorm.Project(residual, pending.Rows, kept, normed: default, _mixer.Input, step), delta, step).Whole;
            Addend sum = routes
                ? _mlp.Forward(_postAttentionNorm, kept, mixed, residual, normed, delta, step)
                : _mlp.Forward(new NormedRows(normed), _postAttentionNorm.Project(kept, mixed, residual, normed, _mlp.Input!, step), delta, step);
            step.Arena.Release(mark);
            return sum;
        }

        return Finish(residual, normed, Mixed(residual, pending, normed, delta, step), delta, step);
    }

    /// <summary>The first half: up to what the MLP takes.</summary>
    /// <param name="residual">f32 [T, H], updated.</param>
    /// <param name="pending">What the layer before adds, or nothing.</param>
    /// <param name="normed">f32 [T, H]: receives it.</param>
    /// <param name="delta">f32 [T, H], scratch; may be where <paramref name="pending"/> has its rows.</param>
    /// <param name="step">The step.</param>
    public void Mix(Tensor residual, Addend pending, Tensor normed, Tensor delta, StepContext step) =>
        _postAttentionNorm.Run(residual, Mixed(residual, pending, normed, delta, step), normed, step);

    /// <inheritdoc cref="IMixer.Fills"/>
    public bool Fills => _mixer.Fills;

    /// <summary>What later rows read of these, and no more.</summary>
    /// <param name="residual">f32 [T, H], updated.</param>
    /// <param name="pending">What the layer before adds, or nothing.</param>
    /// <param name="normed">f32 [T, H]: receives what <see cref="GoOn"/> takes.</param>
    /// <param name="step">The step, whose layer <see cref="Fills"/>.</param>
    public void Fill(Tensor residual, Addend pending, Tensor normed, StepContext step) =>
        _mixer.Fill(_inputNorm.Run(residual, pending, normed, _mixer.TermUse == TermUse.None ? TermUse.None : TermUse.Beside, step), step);

    /// <summary>The rest, of any rows.</summary>
    /// <param name="residual">f32 [R, H], updated.</param>
    /// <param name="normed">f32 [R, H]: what <see cref="Fill"/> left of them; scratch behind the mixer.</param>
    /// <param name="delta">f32 [R, H]: room for what the MLP adds.</param>
    /// <param name="step">Those rows, with segments of their own.</param>
    /// <returns>What the MLP adds.</returns>
    public Addend GoOn(Tensor residual, Tensor normed, Tensor delta, StepContext step) =>
        Finish(residual, normed, _mixer.Forward(new NormedRows(normed), projected: default, delta, step), delta, step);

    /// <summary>The second half, of any rows.</summary>
    /// <param name="normed">f32 [R, H]: what <see cref="Mix"/> left of them.</param>
    /// <param name="delta">f32 [R, H]: room for what the MLP adds.</param>
    /// <param name="step">Those rows.</param>
    /// <returns>What the MLP adds.</returns>
    public Addend Feed(Tensor normed, Tensor delta, StepContext step) => _mlp.Forward(new NormedRows(normed), projected: default, delta, step);

    /// <summary>What follows the mixer.</summary>
    /// <param name="residual">f32 [T, H], updated.</param>
    /// <param name="normed">f32 [T, H], scratch.</param>
    /// <param name="added">What the mixer adds.</param>
    /// <param name="delta">f32 [T, H]: room for what the MLP adds; may be where <paramref name="added"/> has its rows.</param>
    /// <param name="step">The step.</param>
    /// <returns>What the MLP adds.</returns>
    public Addend Finish(Tensor residual, Tensor normed, Addend added, Tensor delta, StepContext step)
    {
        // The router's launch norms the rows for itself.
        if (added.IsWhole && _mlp.Norms(step))
        {
            return _mlp.Forward(_postAttentionNorm, residual, added.Whole, residual, normed, delta, step);
        }

        ArenaMark mark = step.Arena.Mark();
        Addend sum = _mlp.Forward(_postAttentionNorm.Run(residual, added, normed, _mlp.TermUse, step), projected: default, delta, step);
        step.Arena.Release(mark);
        return sum;
    }

    private Addend Mixed(Tensor residual, Addend pending, Tensor normed, Tensor delta, StepContext step)
    {
        ArenaMark mark = step.Arena.Mark();
        Addend added = _mixer.Forward(_inputNorm.Run(residual, pending, normed, _mixer.TermUse, step, _mixer.Input), projected: default, delta, step);
        step.Arena.Release(mark);
        return added;
    }

    /// <summary>What the mixer takes, where nothing is added.</summary>
    /// <param name="residual">f32 [T, H].</param>
    /// <param name="normed">f32 [T, H]: receives it.</param>
    /// <param name="step">The step.</param>
    public void Norm(Tensor residual, Tensor normed, StepContext step) => _inputNorm.Run(residual, default, normed, step);
}
