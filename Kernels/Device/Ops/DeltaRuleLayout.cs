namespace Lean.Kernels.Device;

/// <summary>
/// What <see cref="DeltaRuleCells"/> leaves for the walk over the cells, as the tensor cores take it: keys, queries and
/// triangles in two bf16 terms (of rounded keys and queries the first alone; the place of the second is nobody's), in matrices of 8 × 8 that lie in one
/// piece, 16 bytes a row, as wgmma and ldmatrix read them where they are.
/// </summary>
public static class DeltaRuleLayout
{
    /// <summary>Positions of a cell.</summary>
    public const int Cell = 64;

    /// <summary>Values of a key and of a query.</summary>
    public const int KeyDim = 128;

    /// <summary>Bytes of eight values of a cell's keys, all rows one behind the other; then come the next eight.</summary>
    public const int ColumnBytes = Cell * 16;

    /// <summary>Bytes of one term of a cell's keys.</summary>
    public const int TermBytes = KeyDim / 8 * ColumnBytes;

    /// <summary>Words of a cell's keys, or of its queries: the first terms, then the second, or nothing.</summary>
    public const int VectorWords = 2 * TermBytes / 4;

    /// <summary>Words of what a warp takes of a triangle at once, 8 rows by 16 columns: the first terms of eight columns, of the others, then the second.</summary>
    public const int PieceWords = 128;

    /// <summary>Words of a matrix of 8 × 8.</summary>
    public const int MatrixWords = 32;

    /// <summary>Words of a lower triangle of 64 × 64: pieces above the diagonal are not there.</summary>
    public const int TriangleWords = 20 * PieceWords;

    /// <summary>Words of a cell's gates of a head: e^γ_i of each row, then e^(γ_63 − γ_i).</summary>
    public const int GateWords = 2 * Cell;

    /// <summary>Bytes to values 8·<paramref name="eight"/> … + 7 of a row.</summary>
    /// <param name="row">The row.</param>
    /// <param name="eight">Which eight.</param>
    /// <param name="columnBytes">Bytes from eight values to the next eight.</param>
    public static uint Place(int row, int eight, int columnBytes) => (uint)((eight * columnBytes) + (row * 16));

    /// <summary>The row that a lane names when its warp loads 16 rows by 16 of k as a product's left side.</summary>
    public static uint LeftPlace(int firstRow, int lane, int step, int columnBytes) =>
        Place(firstRow + (lane & 15), (step * 2) + (lane >> 4), columnBytes);

    /// <summary>The row that a lane names for both terms of 8 rows by 16 of k as a product's right side.</summary>
    public static uint RightPlace(int firstRow, int lane, int step, int columnBytes) =>
        Place(firstRow + (lane & 7), ((lane >> 4) * (KeyDim / 8)) + (step * 2) + ((lane >> 3) & 1), columnBytes);

    /// <summary>The row that a lane names for both terms of 16 rows by 8 of k, whose columns are wanted.</summary>
    public static uint TransposedPlace(int firstRow, int lane, int eight) =>
        Place(firstRow + (lane & 15), ((lane >> 4) * (KeyDim / 8)) + eight, ColumnBytes);

    /// <summary>
    /// Which piece of a triangle holds rows 8·<paramref name="eight"/> … + 7 of columns 16·<paramref name="step"/> … + 15; <paramref name="eight"/> ≥ 2·<paramref name="step"/>.
    /// The last rows come first: they are in every step (<see cref="DeltaRuleWalk"/>).
    /// </summary>
    public static int TrianglePiece(int eight, int step) => (step * (9 - step)) + (Cell / 8) - 1 - eight;
}
