namespace Lean.Kernels.Device;

/// <summary>
/// Which products of a prompt's routed rows a group of <see cref="ExpertsWarpGroup"/> takes, and when. Rows lie by expert; an
/// expert's are cut into as few tiles as hold them, which differ by a step at most, and a tile costs what its rows take in steps. Larger tiles come
/// first, so that the last groups to finish are on small ones. A unit is one tile of rows by one tile of
/// columns. Neighbouring units are an expert's row tiles beside the same weights, so that those are read from memory once.
/// <para>
/// None of it changes a bit: a row's sums are the same in whichever tile it lies.
/// </para>
/// </summary>
public static class ExpertTiles
{
    /// <summary>Rows of the largest tile, and by how many tiles grow.</summary>
    public const int Rows = 144, Step = 16;

    /// <summary>Numbers of an entry of the plan: the expert's first entry, the expert, its first place, and its rows.</summary>
    public const int Columns = 4;

    /// <summary>Entries of the plan: every tile of rows, and one in front that holds their number.</summary>
    public static long MostEntries(long entries, long experts) => (entries / Rows) + experts + 1;

    /// <summary>Tiles of an expert's rows.</summary>
    public static int Count(int rows) => (rows + Rows - 1) / Rows;

    /// <summary>Steps that so many rows take.</summary>
    public static int Steps(int rows) => (rows + Step - 1) / Step;

    /// <summary>Steps of an expert's largest tile.</summary>
    public static int Most(int rows)
    {
        int count = Math.Max(Count(rows), 1);
        return (Steps(rows) + count - 1) / count;
    }

    /// <summary>Whether an expert's tiles come before another's.</summary>
    public static bool IsBefore(int rows, int expert, int otherRows, int other) => IsBefore(Most(rows), rows, expert, Most(otherRows), otherRows, other);

    /// <summary>The same where the steps of their largest tiles are known.</summary>
    public static bool IsBefore(int most, int rows, int expert, int otherMost, int otherRows, int other) =>
        most > otherMost || (most == otherMost && (rows > otherRows || (rows == otherRows && expert < other)));

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
        int own = unit - (firstEntry * columnTiles), rowTiles = Count(rows), steps = Steps(rows), across = own / rowTiles;
        int index = own - (across * rowTiles), first = index * steps / rowTiles * Step;
        ExpertTile tile = default;
        tile.Expert = expert;
        tile.Across = across;
        tile.Place = firstPlace + first;
        tile.Rows = Math.Min((index + 1) * steps / rowTiles * Step, rows) - first;
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

    /// <summary>1 … <see cref="ExpertTiles.Rows"/>.</summary>
    public int Rows;
}
