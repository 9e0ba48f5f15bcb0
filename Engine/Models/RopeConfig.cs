namespace Lean.Engine.Models;

/// <summary>Rotary position embedding: NeoX pairing over the first <see cref="RotaryDim"/> dimensions of a head.</summary>
internal sealed record RopeConfig
{
    /// <summary>The base of the frequencies.</summary>
    public required double Theta { get; init; }

    /// <summary>Dimensions of a head that are rotated: head_dim · partial_rotary_factor, even.</summary>
    public required int RotaryDim { get; init; }

    /// <summary>Long-context scaling, or null for the default type.</summary>
    public YarnConfig? Yarn { get; init; }
}
