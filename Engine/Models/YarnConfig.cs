namespace Lean.Engine.Models;

/// <summary>YaRN scaling of the rotary frequencies (Peng et al. 2023, as transformers computes it).</summary>
internal sealed record YarnConfig
{
    /// <summary>How many times longer than the original the context is.</summary>
    public required double Factor { get; init; }

    /// <summary>Positions the model was first trained on (original_max_position_embeddings).</summary>
    public required int OriginalMaxPositions { get; init; }

    /// <summary>Rotations above which a dimension is extrapolated (32 by default).</summary>
    public double BetaFast { get; init; } = 32;

    /// <summary>Rotations below which a dimension is interpolated (1 by default).</summary>
    public double BetaSlow { get; init; } = 1;

    /// <summary>Scales cos and sin; 0.1·ln(factor) + 1 where the config gives none.</summary>
    public required double AttentionFactor { get; init; }

    /// <summary>Whether the correction range is rounded outwards to whole dimensions (transformers' truncate).</summary>
    public bool Truncate { get; init; } = true;
}
