using Lean.Comm;
using Lean.Engine.Models;
using Lean.Engine.Running;
using Lean.Engine.Sampling;
using Lean.Engine.Weights;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>
/// The LM head, divided by vocabulary: a rank computes the logits of the tokens it holds. On the host, tokens are chosen from
/// what each rank says of its own; where ranks are devices, each gets all logits, as a sum to which the others bring zeros.
/// </summary>
internal sealed class VocabularyHead
{
    // Floats in the 16 bytes that a card's copy engine wants rows to begin at.
    private const int Aligned = 4;

    private readonly LayerContext _layer;
    private readonly LinearWeight _weight;       // [V of the rank, H]
    private readonly IndexRange[] _vocabularies; // by place in the replica
    private readonly Peers? _summing;            // where logits come together on devices

    /// <param name="weight">[V, H]: the rank's rows.</param>
    /// <param name="layer">What layers are built from.</param>
    public VocabularyHead(Tensor weight, LayerContext layer)
    {
        (_layer, _weight) = (layer, layer.Column(weight));
        ModelShard shard = layer.Shard;
        int first = shard.Layout.DataRank(shard.Rank) * shard.Layout.Tensor;
        _summing = layer.Peers is { OnDevice: true } && shard.Layout.Tensor > 1 ? layer.Peers : null;
        Peers = layer.Peers is { OnDevice: false } peers && shard.Layout.Tensor > 1 ? new VocabularyPeers(peers, shard) : null;
        _vocabularies = [.. Enumerable.Range(first, shard.Layout.Tensor).Select(r => ModelShard.Of(shard.Whole, shard.Layout, r).Vocabulary)];
    }

    /// <summary>[V of the rank, H].</summary>
    public LinearWeight Weight => _weight;

    /// <summary>The ranks that hold the other tokens and choose together with this one, or null where it has all logits.</summary>
    public IVocabularyPeers? Peers { get; }

    /// <summary>Whether the ranks of a replica call the head together, also those without rows.</summary>
    public bool IsShared => Peers is not null || _summing is not null;

    /// <summary>Logits that the rank chooses from: those of the tokens it holds where it has <see cref="Peers"/>, else all.</summary>
    /// <param name="hidden">f32 [R, H].</param>
    /// <param name="promptRows">How many rows are a prompt's.</param>
    /// <param name="arena">Holds the result.</param>
    /// <param name="terms">On one rank, generated rows alone as the product takes them: see <see cref="NormedTerms"/>; or empty.</param>
    /// <returns>f32 [R, V of the rank, or V].</returns>
    public Tensor OwnLogits(Tensor hidden, long promptRows, Arena arena, Tensor terms = default) =>
        _summing is not null ? Summed(hidden, promptRows, arena, _summing) : Part(hidden, promptRows, arena, terms);

    /// <summary>
    /// The most likely token of each row, ties to the lowest: each rank brings its best one (see
    /// <see cref="RankPicks"/>), and no logits are gathered. The ranks of a replica call it together.
    /// </summary>
    /// <param name="hidden">f32 [R, H].</param>
    /// <param name="promptRows">How many rows are a prompt's.</param>
    /// <param name="tokens">i32 [R]: receives the tokens, −1 where logits are not finite.</param>
    /// <param name="values">f32 [R], scratch.</param>
    /// <param name="eightBit">What <see cref="EightBit"/> made, to choose by it; or null.</param>
    /// <param name="arena">Memory.</param>
    public void Pick(Tensor hidden, long promptRows, Tensor tokens, Tensor values, EightBitWeight? eightBit, Arena arena)
    {
        long rows = hidden.Shape[0];
        ArenaMark mark = arena.Mark();
        Tensor logits = eightBit is null ? Part(hidden, promptRows, arena) : Part(hidden, eightBit, arena);
        if (!IsShared)
        {
            _layer.Ops.GreedyPick.RunTokens(logits, tokens, values);
        }
        else
        {
            _layer.Ops.GreedyPick.Run(logits, tokens, values);
            Tensor own = arena.I32(rows, RankPicks.Words), all = arena.I32(rows * _vocabularies.Length, RankPicks.Words);
            _layer.Ops.RankPicks.Pack(logits, tokens, values, (int)_layer.Shard.Vocabulary.Start, own);
            _layer.Peers!.Gather(GroupKind.Tensor, CollectivePurpose.Head, layer: -1, own, all);
            _layer.Ops.RankPicks.Merge(all, tokens, values);
        }

        arena.Release(mark);
    }

    /// <summary>Bytes of what <see cref="EightBit"/> makes.</summary>
    public long EightBitBytes => _layer.Ops.EightBitLinear is null ? 0 : EightBitWeight.BytesOf(_weight);

    /// <summary>The rank's rows in eight bits, for drafts; null where the ops have no use for that.</summary>
    /// <exception cref="MachineException">There is not enough memory.</exception>
    public EightBitWeight? EightBit() => _layer.Ops.EightBitLinear is null ? null : new EightBitWeight(_weight);

    /// <summary>Logits of all tokens; the ranks of a replica call it together, and each gets all of them.</summary>
    /// <param name="hidden">f32 [R, H].</param>
    /// <param name="promptRows">How many rows are a prompt's.</param>
    /// <param name="arena">Holds the result.</param>
    /// <returns>f32 [R, V].</returns>
    public Tensor Logits(Tensor hidden, long promptRows, Arena arena)
    {
        if (Peers is null)
        {
            return OwnLogits(hidden, promptRows, arena);
        }

        long rows = hidden.Shape[0];
        Tensor logits = arena.F32(rows, _layer.Config.Vocabulary);
        ArenaMark mark = arena.Mark();
        Tensor own = OwnLogits(hidden, promptRows, arena), all = arena.F32(rows * _layer.Config.Vocabulary, 1);
        Peers.Gather(CollectivePurpose.Head, own.Reshape(new Shape(rows * _weight.Outputs, 1)), all);
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

    // Of the tokens that the rank holds.
    private Tensor Part(Tensor hidden, long promptRows, Arena arena, Tensor terms = default)
    {
        Tensor logits = arena.F32(hidden.Shape[0], _weight.Outputs);
        _layer.Ops.Linear.Run(hidden, _weight, logits, promptRows, terms);
        return logits;
    }

    private Tensor Part(Tensor hidden, EightBitWeight eightBit, Arena arena)
    {
        Tensor logits = arena.F32(hidden.Shape[0], eightBit.Outputs);
        _layer.Ops.EightBitLinear!.Run(hidden, eightBit, logits);
        return logits;
    }

    private Tensor Summed(Tensor hidden, long promptRows, Arena arena, Peers peers)
    {
        long rows = hidden.Shape[0], width = _layer.Config.Vocabulary;
        IndexRange own = _layer.Shard.Vocabulary;
        Tensor logits = arena.F32(rows, width);
        if (rows > 0)
        {
            _layer.Ops.Queue.Fill(logits, 0);
            Tensor place = logits.Columns(own.Start, own.Count);
            if (own.Start % Aligned == 0 && width % Aligned == 0)
            {
                _layer.Ops.Linear.Run(hidden, _weight, place, promptRows);
            }
            else
            {
                ArenaMark mark = arena.Mark();
                Tensor part = arena.F32(rows, (own.Count + Aligned - 1) / Aligned * Aligned).Columns(0, own.Count);
                _layer.Ops.Linear.Run(hidden, _weight, part, promptRows);
                for (long row = 0; row < rows; row++)
                {
                    _layer.Ops.Queue.CopyOnDevice(part.Rows(row, 1), place.Rows(row, 1));
                }

                arena.Release(mark);
            }
        }

        if (peers.IsNext(GroupKind.Tensor, CollectivePurpose.Head))
        {
            peers.Sum(GroupKind.Tensor, CollectivePurpose.Head, layer: -1, logits);
        }

        return logits;
    }
}
