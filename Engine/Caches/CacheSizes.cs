using Lean.Engine.Models;
using Lean.Tensors;

namespace Lean.Engine.Caches;

/// <summary>Bytes that a model's caches take.</summary>
/// <param name="Block">Keys and values of 64 positions in all attention layers.</param>
/// <param name="State">Convolution history and recurrent state of one sequence in all Gated DeltaNet layers.</param>
internal readonly record struct CacheSizes(long Block, long State)
{
    /// <summary>Those of a model.</summary>
    /// <param name="config">The model.</param>
    /// <param name="cacheType">The element type of keys and values.</param>
    /// <param name="withMtp">Whether its MTP head drafts, whose layer has keys and values too.</param>
    public static CacheSizes Of(ModelConfig config, DType cacheType, bool withMtp = false)
    {
        long attention = 0;
        foreach (MixerKind mixer in config.Mixers)
        {
            attention += mixer == MixerKind.Attention ? 1 : 0;
        }

        long block = config.AttentionShape.KeyCache(1).Count + config.AttentionShape.ValueCache(1).Count;
        long state = ((config.ConvKernel - 1L) * config.ConvChannels) + config.DeltaRuleShape.State(1).Count;
        return new CacheSizes((attention + (withMtp ? 1 : 0)) * block * cacheType.Size(), (config.Layers - attention) * state * sizeof(float));
    }
}
