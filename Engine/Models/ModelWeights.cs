using Lean.Engine.Weights;
using Lean.Tensors;

namespace Lean.Engine.Models;

/// <summary>
/// All weights of a model, bound but not yet built into layers: a binder reports everything that is wrong with a
/// checkpoint before anything is computed from it.
/// </summary>
internal sealed record ModelWeights
{
    /// <summary>The token embedding.</summary>
    public required EmbeddingWeights Embedding { get; init; }

    /// <summary>The decoder layers.</summary>
    public required IReadOnlyList<LayerWeights> Layers { get; init; }

    /// <summary>The norm before the LM head.</summary>
    public required FinalNormWeights FinalNorm { get; init; }

    /// <summary>The LM head, or null where it is the embedding.</summary>
    public required HeadWeights? Head { get; init; }

    /// <summary>The MTP head's own weights, or null where there is none.</summary>
    public required MtpWeights? Mtp { get; init; }

    /// <summary>The MTP head's decoder layer.</summary>
    public required LayerWeights? MtpLayer { get; init; }

    /// <summary>The stored type of A_log; f32 where no layer has one.</summary>
    public DType DecayType => Layers.Select(l => l.Mixer switch
    {
        FlatDeltaNetWeights flat => flat.ALog.Type,
        InterleavedDeltaNetWeights interleaved => interleaved.ALog.Type,
        _ => (DType?)null,
    }).FirstOrDefault(t => t is not null) ?? DType.F32;
}
