using Lean.Comm;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>The token embedding, divided by vocabulary: a rank looks up the tokens it holds, and the others add zeros.</summary>
/// <param name="table">[V, H]: the rank's rows.</param>
/// <param name="layer">What layers are built from.</param>
internal sealed class VocabularyEmbedding(Tensor table, LayerContext layer)
{
    private readonly EmbeddingLookup _lookup = layer.Ops.Embedding;
    private readonly PartialSum _sum = new(CollectivePurpose.Embedding, layer);
    private readonly int _first = (int)layer.Shard.Vocabulary.Start;

    /// <summary>The same embedding in another place of the model.</summary>
    public VocabularyEmbedding In(LayerContext other) => new(table, other);

    /// <summary>Looks up T tokens.</summary>
    /// <param name="tokens">i32 [T].</param>
    /// <param name="output">f32 [T, H].</param>
    public void Forward(Tensor tokens, Tensor output)
    {
        _lookup.Run(tokens, table, output, _first);
        _sum.Complete(output);
    }
}
