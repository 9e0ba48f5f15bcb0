using Lean.Engine.Layers;
using Lean.Engine.Running;
using Lean.Engine.Weights;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Models;

/// <summary>
/// The multi-token-prediction head: x = fc([norm(embed(next token)) | norm(hidden)]) — the embedding first — then one
/// decoder layer with a KV cache of its own, then a norm; the model's LM head reads the result. Drafting further feeds
/// the result back as the hidden state, at the next position.
/// </summary>
internal sealed class MtpHead
{
    private readonly LayerContext _layer;
    private readonly DecoderLayer _decoder;
    private readonly GatedAttention _attention; // the layer's mixer
    private readonly VocabularyEmbedding _embedding; // the model's own
    private readonly Tensor _embeddingNorm; // [H]
    private readonly Tensor _hiddenNorm;    // [H]
    private readonly LinearWeight _fc;      // [H, 2H]
    private readonly ResidualNorm _norm;

    /// <param name="weights">The head's own weights.</param>
    /// <param name="decoder">Its decoder layer.</param>
    /// <param name="attention">That layer's mixer.</param>
    /// <param name="embedding">The model's embedding.</param>
    /// <param name="cacheOrdinal">Which attention cache is the head's.</param>
    /// <param name="layer">What layers are built from.</param>
    public MtpHead(MtpWeights weights, DecoderLayer decoder, GatedAttention attention, VocabularyEmbedding embedding, int cacheOrdinal, LayerContext layer)
    {
        (_layer, _decoder, _attention, _embedding, CacheOrdinal) = (layer, decoder, attention, embedding, cacheOrdinal);
        _embeddingNorm = layer.Parameters.Small(weights.PreFcNormEmbedding);
        _hiddenNorm = layer.Parameters.Small(weights.PreFcNormHidden);
        _fc = layer.Parameters.Linear(weights.Fc);
        _norm = new ResidualNorm(layer.Parameters.Small(weights.Norm), FaultPlace.BeforeMixer(FaultPlace.MtpLayer(layer.Config) + 1), layer);
    }

    /// <summary>Which attention cache is the head's.</summary>
    public int CacheOrdinal { get; }

    /// <summary>Bytes of the step's memory that <see cref="Fill"/> takes.</summary>
    /// <param name="rows">T.</param>
    public long Bytes(long rows) => rows * sizeof(float) * (_layer.Config.Hidden + long.Max(3 * _layer.Config.Hidden, _layer.Config.Hidden + _attention.ProjectedWidth + _attention.QueryWidth));

    /// <summary>One draft step for every row.</summary>
    /// <param name="hidden">f32 [T, H]: the model's hidden states after its final norm, or this head's result one depth before.</param>
    /// <param name="step">Tokens are each row's next token, positions those of the hidden states; prepared by the model.</param>
    /// <returns>f32 [T, H], normed for the LM head.</returns>
    public Tensor Forward(Tensor hidden, StepContext step)
    {
        long rows = step.Batch.Rows, width = _layer.Config.Hidden;
        Tensor result = step.Arena.F32(rows, width);
        ArenaMark mark = step.Arena.Mark();
        Tensor residual = Join(hidden, step), delta = step.Arena.F32(rows, width);
        _norm.Run(residual, _decoder.Forward(residual, pending: default, result, delta, step), result, step);
        step.Arena.Release(mark);
        return result;
    }

    /// <summary>Leaves what later rows read of these, keys and values, and computes no more: a fraction of <see cref="Forward"/>.</summary>
    /// <param name="hidden">f32 [T, H]: the model's hidden states after its final norm.</param>
    /// <param name="rows">i32 [R]: the rows to go on with.</param>
    /// <param name="step">As for <see cref="Forward"/>.</param>
    /// <returns>What <see cref="GoOn"/> takes of those rows.</returns>
    public MtpStart Fill(Tensor hidden, Tensor rows, StepContext step)
    {
        Arena arena = step.Arena;
        long count = rows.Shape[0], width = _layer.Config.Hidden;
        if (_layer.Ops.GatherRows.AreTogether(rows, out long first))
        {
            // They stay where they are, and so does what they lie among.
            MtpStart all = Begin(hidden, step);
            return new MtpStart(all.Residual.Rows(first, count), new AttentionInputs(all.Inputs.Projected.Rows(first, count), all.Inputs.Queries.Rows(first, count)));
        }

        var start = new MtpStart(arena.F32(count, width), new AttentionInputs(arena.F32(count, _attention.ProjectedWidth), arena.F32(count, _attention.QueryWidth)));
        ArenaMark mark = arena.Mark();
        MtpStart begun = Begin(hidden, step);
        if (count > 0)
        {
            _layer.Ops.GatherRows.Run(begun.Residual, rows, start.Residual);
            _layer.Ops.GatherRows.Run(begun.Inputs.Projected, rows, start.Inputs.Projected);
            _layer.Ops.GatherRows.Run(begun.Inputs.Queries, rows, start.Inputs.Queries);
        }

        arena.Release(mark);
        return start;
    }

    // All rows of a step, in its memory.
    private MtpStart Begin(Tensor hidden, StepContext step)
    {
        Tensor residual = Join(hidden, step), normed = step.Arena.F32(step.Batch.Rows, _layer.Config.Hidden);
        _decoder.Norm(residual, normed, step);
        return new MtpStart(residual, _attention.Prepare(new NormedRows(normed), projected: default, step));
    }

    /// <summary>The rest of <see cref="Forward"/> for rows that <see cref="Fill"/> has begun with.</summary>
    /// <param name="start">What it left of R rows; changed.</param>
    /// <param name="step">Those rows, each a segment of its own.</param>
    /// <returns>f32 [R, H], normed for the LM head.</returns>
    public Tensor GoOn(in MtpStart start, StepContext step)
    {
        long rows = step.Batch.Rows, width = _layer.Config.Hidden;
        Tensor result = step.Arena.F32(rows, width);
        ArenaMark mark = step.Arena.Mark();
        Tensor delta = step.Arena.F32(rows, width);
        Addend added = _decoder.Finish(start.Residual, result, _attention.Attend(start.Inputs, delta, step), delta, step);
        _norm.Run(start.Residual, added, result, step);
        step.Arena.Release(mark);
        return result;
    }

    // What the layer begins with: fc of both norms.
    private Tensor Join(Tensor hidden, StepContext step)
    {
        KernelSet ops = _layer.Ops;
        float epsilon = _layer.Config.NormEpsilon;
        long rows = step.Batch.Rows, width = _layer.Config.Hidden;
        Tensor residual = step.Arena.F32(rows, width);
        ArenaMark mark = step.Arena.Mark();
        Tensor embedded = step.Arena.F32(rows, width), joined = step.Arena.F32(rows, 2 * width);
        _embedding.Forward(step.Batch.Tokens, embedded);
        ops.AddRmsNorm.Run(embedded, delta: default, _embeddingNorm, epsilon, joined.Columns(0, width));
        ops.AddRmsNorm.Run(hidden, delta: default, _hiddenNorm, epsilon, joined.Columns(width, width));
        ops.Linear.Run(joined, _fc, residual, step.Batch.PromptRows);
        step.Arena.Release(mark);
        return residual;
    }
}
