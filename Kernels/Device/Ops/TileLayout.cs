namespace Lean.Kernels.Device;

/// <summary>
/// Where things lie in tiles in shared memory. Rows of 128 bytes are swizzled as the copy engine does it, chunk c of 16 bytes
/// of row r at c ^ (r &amp; 7); rows of 64 bytes at c ^ (r / 2 &amp; 3). Either way eight rows' chunks of one column lie in
/// different banks.
/// </summary>
public static class TileLayout
{
    /// <summary>Bytes from a tile of 64-byte rows to a chunk of a row.</summary>
    public static uint Narrow(int row, int chunk) => (uint)((row * 64) + ((chunk ^ ((row >> 1) & 3)) * 16));

    /// <summary>Bytes from a tile of 128-byte rows to a chunk of a row.</summary>
    public static uint Wide(int row, int chunk) => (uint)((row * 128) + ((chunk ^ (row & 7)) * 16));

    /// <summary>Where a lane puts sums 4·i and the next of its f32 box of 32 columns; the other two lie eight rows on.</summary>
    public static uint F32Place(int firstRow, int lane, int i) =>
        Wide(firstRow + (lane >> 2), (i * 2) + ((lane >> 1) & 1)) + (uint)((lane & 1) * 8);

    /// <summary>The row that a lane names when its warp stores sums 8·i … 8·i + 7 to a bf16 box of 64 columns.</summary>
    public static uint BF16Place(int firstRow, int lane, int i) => Wide(firstRow + (lane & 15), (i * 2) + (lane >> 4));

    /// <summary>The row that a lane names when its warp loads 16 rows by 16 of k, from chunk 2·<paramref name="step"/>, as a product's left side.</summary>
    public static uint LeftPlace(int firstRow, int lane, int step) => Narrow(firstRow + (lane & 15), (step * 2) + (lane >> 4));

    /// <summary>The row that a lane names when its warp loads 16 outputs by 16 of k as a product's right side: both halves of k of eight outputs, then of the next.</summary>
    public static uint RightPlace(int firstRow, int lane, int step) =>
        Narrow(firstRow + (lane & 7) + ((lane >> 4) << 3), (step * 2) + ((lane >> 3) & 1));
}
