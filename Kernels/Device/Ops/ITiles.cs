namespace Lean.Kernels.Device;

/// <summary>How runs of rows that share an expert are cut into tiles.</summary>
public interface ITiles
{
    /// <summary>Rows of a tile.</summary>
    static abstract int Rows { get; }

    /// <summary>
    /// Whether every place has a slot, of which each fourth (say) holds a tile: few rows seldom share an expert. Else expert
    /// e's slots begin at ⌊start_e / Rows⌋ + e, which leaves it ⌊end_e / Rows⌋ − ⌊start_e / Rows⌋ + 1 of them: enough for its
    /// tiles, and ⌊N / Rows⌋ + E in all.
    /// </summary>
    static abstract bool EveryPlace { get; }
}

/// <summary>Tiles of generated rows.</summary>
public struct GeneratedTiles : ITiles
{
    /// <inheritdoc/>
    public static int Rows => GeneratedDots.Rows;

    /// <inheritdoc/>
    public static bool EveryPlace => true;
}

/// <summary>Tiles of generated rows for <see cref="RowProducts"/>.</summary>
public struct EightRowTiles : ITiles
{
    /// <inheritdoc/>
    public static int Rows => 8;

    /// <inheritdoc/>
    public static bool EveryPlace => true;
}

/// <summary>The same for rows that are many beside the experts: fewer slots, so fewer groups without work.</summary>
public struct EightRowTilesByExpert : ITiles
{
    /// <inheritdoc/>
    public static int Rows => 8;

    /// <inheritdoc/>
    public static bool EveryPlace => false;
}

/// <summary>Tiles of prompt rows.</summary>
public struct PromptTiles : ITiles
{
    /// <inheritdoc/>
    public static int Rows => PromptTile.Size;

    /// <inheritdoc/>
    public static bool EveryPlace => false;
}
