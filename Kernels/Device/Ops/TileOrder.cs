namespace Lean.Kernels.Device;

/// <summary>
/// Which tile of a product's outputs comes when, where groups take tile after tile: bands of 2,048 rows of two terms or 4,096 of
/// one, in a band column by column. Groups that run side by side read the same weights, and a band's rows, 17 MB at a hidden size
/// of 2,048, stay in L2 while all weights pass by. Without bands all terms of 8,192 rows, 67 MB, would come from memory again
/// every two columns of tiles.
/// </summary>
public static class TileOrder
{
    // Tiles of rows in a band, of one term.
    private const int Band = 32;

    /// <summary>Where a tile lies.</summary>
    /// <param name="tile">Its number.</param>
    /// <param name="rowTiles">Tiles of rows.</param>
    /// <param name="columnTiles">Tiles of columns.</param>
    public static TilePlace Of<TTerms>(int tile, int rowTiles, int columnTiles)
        where TTerms : struct, IActivationTerms
    {
        int bandRows = Band / TTerms.Count, first = tile / (bandRows * columnTiles) * bandRows, rows = Math.Min(bandRows, rowTiles - first);
        int inBand = tile - (first * columnTiles);
        TilePlace place = default;
        place.Across = inBand / rows;
        place.Row = first + inBand - (place.Across * rows);
        return place;
    }
}
