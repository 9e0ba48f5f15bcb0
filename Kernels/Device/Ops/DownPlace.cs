using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>A chunk of what a warp of <see cref="MixtureDownRows"/> multiplies: of its items of a tile, and of its group's tiles, one after the other.</summary>
public struct DownPlace
{
    /// <summary>Tiles that there are yet, this one counted; none behind the last.</summary>
    public int Tiles;

    /// <summary>The tile's row.</summary>
    public int Row;

    /// <summary>Its place among the row's tiles.</summary>
    public int Line;

    /// <summary>The slice of the row's experts.</summary>
    public int Item;

    /// <summary>The chunk of the slice.</summary>
    public int Chunk;

    /// <summary>The place behind one.</summary>
    /// <param name="place">The one.</param>
    /// <param name="chunks">Chunks of a slice.</param>
    /// <param name="items">Slices of all experts of a row.</param>
    /// <param name="lines">Tiles of a row.</param>
    /// <param name="warps">Warps of a group.</param>
    public static DownPlace After(DownPlace place, int chunks, int items, int lines, int warps)
    {
        place.Chunk++;
        if (place.Chunk == chunks)
        {
            place.Chunk = 0;
            place.Item += warps;
        }

        if (place.Item >= items)
        {
            place.Item = Group.IdxX >> 5;
            place.Tiles--;
            place.Line++;
        }

        if (place.Line == lines)
        {
            place.Line = 0;
            place.Row++;
        }

        return place;
    }
}
