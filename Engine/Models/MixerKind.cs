namespace Lean.Engine.Models;

/// <summary>What mixes information across positions in a decoder layer.</summary>
internal enum MixerKind
{
    /// <summary>Gated DeltaNet ("linear_attention" in layer_types).</summary>
    DeltaNet,

    /// <summary>Gated softmax attention ("full_attention" in layer_types).</summary>
    Attention,
}
