using Lean.Comm;
using Lean.Engine.Models;
using Lean.Engine.Sampling;
using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>The ranks of a replica as those that hold the other tokens of the vocabulary.</summary>
/// <param name="peers">All ranks.</param>
/// <param name="shard">The rank's part of the model.</param>
internal sealed class VocabularyPeers(Peers peers, ModelShard shard) : IVocabularyPeers
{
    private const int NoLayer = -1;

    /// <inheritdoc/>
    public int Vocabulary => shard.Whole.Vocabulary;

    /// <inheritdoc/>
    public int First => (int)shard.Vocabulary.Start;

    /// <inheritdoc/>
    public int Ranks => shard.Layout.Tensor;

    /// <inheritdoc/>
    public int Place => shard.Layout.TensorRank(shard.Rank);

    /// <inheritdoc/>
    public bool IsNext(CollectivePurpose purpose) => peers.IsNext(GroupKind.Tensor, purpose);

    /// <inheritdoc/>
    public void Gather(CollectivePurpose purpose, Tensor own, Tensor all) => peers.Gather(GroupKind.Tensor, purpose, NoLayer, own, all);

    /// <inheritdoc/>
    public void Sum(CollectivePurpose purpose, Tensor data) => peers.Sum(GroupKind.Tensor, purpose, NoLayer, data);
}
