using Lean.Comm;
using Lean.Engine.Models;
using Lean.Engine.Running;
using Lean.Engine.Weights;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>The LM head, divided by vocabulary: a rank computes the logits of the tokens it holds.</summary>
internal sealed class VocabularyHead
{
    private readonly LayerContext _layer;
    private readonly LinearWeight _weight;       // [V of the rank, H]
    private readonly IndexRange[] _vocabularies; // by place in the replica

    /// <param name="weight">[V, H]: the rank's rows.</param>
    /// <param name="layer">What layers are built from.</param>
    public VocabularyHead(Tensor weight, LayerContext layer)
    {
        (_layer, _weight) = (layer, layer.Column(weight));
        ModelShard shard = layer.Shard;
        int first = shard.Layout.DataRank(shard.Rank) * shard.Layout.Tensor;
        _vocabularies = [.. Enumerable.Range(first, shard.Layout.Tensor).Select(r => ModelShard.Of(shard.Whole, shard.Layout, r).Vocabulary)];
    }

    /// <summary>
    /// The most likely token of each row, ties to the lowest, and its log-probability: each rank brings its best one (see
    /// <see cref="TokenPick"/>), and no logits are gathered. The ranks of a replica call it together. Host memory.
    /// </summary>
    /// <param name="hidden">f32 [R, H].</param>
    /// <param name="promptRows">How many rows are a prompt's.</param>
    /// <param name="arena">Holds the result.</param>
    /// <returns>i32 [R], −1 where logits are not finite, and f32 [R].</returns>
    public (Tensor Tokens, Tensor LogProbabilities) Pick(Tensor hidden, long promptRows, Arena arena)
    {
        long rows = hidden.Shape[0];
        Shape vector = new(rows);
        Tensor tokens = arena.I32(rows, 1).Reshape(vector), values = arena.F32(rows, 1).Reshape(vector);
        ArenaMark mark = arena.Mark();
        Tensor logits = arena.F32(rows, _weight.Outputs);
        _layer.Ops.Linear.Run(hidden, _weight, logits, promptRows);
        _layer.Ops.GreedyPick.Run(logits, tokens, values);
        if (_layer.Peers is { } peers && _vocabularies.Length > 1)
        {
            Tensor own = arena.I32(rows, TokenPick.Words), all = arena.I32(rows * _vocabularies.Length, TokenPick.Words);
            for (long row = 0; row < rows; row++)
            {
                int token = tokens.AsSpan<int>()[(int)row];
                float logit = token < 0 ? float.NaN : logits.Rows(row, 1).AsSpan<float>()[token];
                new TokenPick(token < 0 ? -1 : token + (int)_layer.Shard.Vocabulary.Start, logit, logit - values.AsSpan<float>()[(int)row]).Write(own, row);
            }

            peers.Gather(GroupKind.Tensor, CollectivePurpose.Head, layer: -1, own, all);
            for (long row = 0; row < rows; row++)
            {
                (tokens.AsSpan<int>()[(int)row], values.AsSpan<float>()[(int)row]) = TokenPick.Best(all, row, rows);
            }
        }

        arena.Release(mark);
        return (tokens, values);
    }

    /// <summary>Logits of all tokens; the ranks of a replica call it together, and each gets all of them.</summary>
    /// <param name="hidden">f32 [R, H].</param>
    /// <param name="promptRows">How many rows are a prompt's.</param>
    /// <param name="arena">Holds the result.</param>
    /// <returns>f32 [R, V].</returns>
    public Tensor Logits(Tensor hidden, long promptRows, Arena arena)
    {
        long rows = hidden.Shape[0];
        Tensor logits = arena.F32(rows, _layer.Config.Vocabulary);
        if (_layer.Peers is not { } peers || _vocabularies.Length == 1)
        {
            _layer.Ops.Linear.Run(hidden, _weight, logits, promptRows);
            return logits;
        }

        ArenaMark mark = arena.Mark();
        Tensor own = arena.F32(rows, _weight.Outputs), all = arena.F32(rows * _layer.Config.Vocabulary, 1);
        _layer.Ops.Linear.Run(hidden, _weight, own, promptRows);
        peers.Gather(GroupKind.Tensor, CollectivePurpose.Head, layer: -1, own.Reshape(new Shape(rows * _weight.Outputs, 1)), all);
        foreach (IndexRange part in _vocabularies)
        {
            // Each rank's logits lie together, row by row.
            Tensor block = all.Rows(rows * part.Start, rows * part.Count).Reshape(new Shape(rows, part.Count));
            for (long row = 0; row < rows; row++)
            {
                _layer.Ops.Queue.CopyOnDevice(block.Rows(row, 1), logits.Rows(row, 1).Columns(part.Start, part.Count));
            }
        }

        arena.Release(mark);
        return logits;
    }
}
