namespace Lean.Kernels.Device;

/// <summary>
/// Which products of a prompt's routed rows a group of <see cref="ExpertsWarpGroup"/> takes, and when. Rows lie by expert; an
/// expert's are cut into tiles of 128, of which the last may be half a tile: that is multiplied in half the time. Experts with
/// more halves come first, so that the last groups to finish are on small ones. A unit is one tile of rows by one tile of
/// columns. Neighbouring units are an expert's row tiles beside the same weights, so that those are read from memory once.
/// <para>
/// None of it changes a bit: a row's sums are the same in whichever tile it lies.
/// </para>
/// </summary>
public static class ExpertTiles
{
    /// <summary>Rows of a tile.</summary>
    public const int Rows = WarpGroupTiles.Rows;

    /// <summary>Numbers of an entry of the plan: the expert's first entry, the expert, its first place, and its rows.</summary>
    public const int Columns = 4;

    /// <summary>Entries of the plan: every tile of rows, and one in front that holds their number.</summary>
    public static long MostEntries(long entries, long experts) => (entries / Rows) + experts + 1;

    /// <summary>Tiles of an expert's rows.</summary>
    public static int Count(int rows) => (rows + Rows - 1) / Rows;

    /// <summary>Halves of tiles that an expert's rows take, which is what they cost.</summary>
    public static int Halves(int rows) => (rows + WarpGroupTiles.OwnRows - 1) / WarpGroupTiles.OwnRows;

    /// <summary>Whether an expert's tiles come before another's.</summary>
    public static bool IsBefore(int rows, int expert, int otherRows, int other) =>
        Halves(rows) > Halves(otherRows) || (Halves(rows) == Halves(otherRows) && expert < other);

    /// <summary>
    /// The unit that a group takes in a round; the first that does not exist is the last. Each round every group moves on by
    /// one, since sizes repeat along the units: a group would meet the large ones every time.
    /// </summary>
    public static int Unit(int round, int group, int groups) => (round * groups) + ((group + round) % groups);

    /// <summary>One entry of the expert that a unit belongs to.</summary>
    public static int Entry(int unit, int columnTiles) => unit / columnTiles;

    /// <summary>Where a unit's tile lies.</summary>
    /// <param name="unit">The unit.</param>
    /// <param name="columnTiles">Tiles of columns.</param>
    /// <param name="firstEntry">Of the unit's expert.</param>
    /// <param name="expert">The expert.</param>
    /// <param name="firstPlace">Its first place.</param>
    /// <param name="rows">Its rows.</param>
    public static ExpertTile Tile(int unit, int columnTiles, int firstEntry, int expert, int firstPlace, int rows)
    {
        int own = unit - (firstEntry * columnTiles), rowTiles = Count(rows), across = own / rowTiles;
        int first = (own - (across * rowTiles)) * Rows;
        ExpertTile tile = default;
        tile.Expert = expert;
        tile.Across = across;
        tile.Place = firstPlace + first;
        tile.Rows = rows - first < Rows ? rows - first : Rows;
        return tile;
    }
}

/// <summary>Rows that share an expert, and columns of its weights.</summary>
public struct ExpertTile
{
    /// <summary>The expert.</summary>
    public int Expert;

    /// <summary>Which tile of columns.</summary>
    public int Across;

    /// <summary>The first row's place.</summary>
    public int Place;

    /// <summary>1 … 128.</summary>
    public int Rows;
}
