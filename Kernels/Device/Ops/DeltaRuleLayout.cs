namespace Lean.Kernels.Device;

/// <summary>
/// What <see cref="DeltaRuleCells"/> leaves for <see cref="DeltaRuleScan"/>, as the tensor cores take it: everything in two
/// bf16 terms. Keys lie as a matrix in shared memory does, first term before second; queries and triangles as the right
/// side of products, a lane's two pairs of the first term and two of the second in 16 bytes, a warp's in 512.
/// </summary>
public static class DeltaRuleLayout
{
    /// <summary>Positions of a cell.</summary>
    public const int Cell = 64;

    /// <summary>Values of a key and of a query.</summary>
    public const int KeyDim = 128;

    /// <summary>Bytes of one term of a cell's keys.</summary>
    public const int TermBytes = Cell * RowBytes;

    /// <summary>Words of a cell's keys, or of its queries.</summary>
    public const int VectorWords = 2 * TermBytes / 4;

    /// <summary>Words of what a warp takes at once: 8 × 16 numbers.</summary>
    public const int PieceWords = 128;

    /// <summary>Words of a lower triangle of 64 × 64: pieces above the diagonal are not there.</summary>
    public const int TriangleWords = 20 * PieceWords;

    /// <summary>Words of a cell's gates of a head: e^γ_i of each row, then e^(γ_63 − γ_i).</summary>
    public const int GateWords = 2 * Cell;

    private const int RowBytes = KeyDim * 2;

    /// <summary>Bytes to chunk c of 16 of a row: at c ^ (row &amp; 7), so that eight rows' chunks of one column lie in different banks.</summary>
    public static uint Place(int row, int chunk) => (uint)((row * RowBytes) + ((chunk ^ (row & 7)) * 16));

    /// <summary>The row that a lane names when its warp loads 16 rows by 16 of k as a product's left side.</summary>
    public static uint LeftPlace(int firstRow, int lane, int step) =>
        (uint)(firstRow * RowBytes) + Place(lane & 15, (step * 2) + (lane >> 4));

    /// <summary>The row that a lane names for both terms of 8 rows by 16 of k as a product's right side.</summary>
    public static uint RightPlace(int firstRow, int lane, int step) =>
        (uint)((firstRow * RowBytes) + ((lane >> 4) * TermBytes)) + Place(lane & 7, (step * 2) + ((lane >> 3) & 1));

    /// <summary>The row that a lane names for both terms of 16 rows by 8 of k, whose columns are wanted.</summary>
    public static uint TransposedPlace(int firstRow, int lane, int chunk) =>
        (uint)((firstRow * RowBytes) + ((lane >> 4) * TermBytes)) + Place(lane & 15, chunk);

    /// <summary>Which piece of a cell's queries holds rows 8·<paramref name="eight"/> … + 7 of k's 16 of a step.</summary>
    public static int QueryPiece(int eight, int step) => (step * 8) + eight;

    /// <summary>Which piece of a triangle holds rows 8·<paramref name="eight"/> … + 7 of columns 16·<paramref name="step"/> … + 15; <paramref name="eight"/> ≥ 2·<paramref name="step"/>.</summary>
    public static int TrianglePiece(int eight, int step) => (step * (9 - step)) + eight - (2 * step);
}
