namespace Lean.Kernels.Device;

/// <summary>Tiles of weights that the copy engine brings, and what becomes of them in L2.</summary>
public static class WeightCopy
{
    /// <summary>Copies a tile as <see cref="TensorCopy.Load"/>, or as <see cref="TensorCopy.LoadOnce"/>.</summary>
    /// <param name="shared">Where to.</param>
    /// <param name="map">The tensor.</param>
    /// <param name="column">The tile's first column.</param>
    /// <param name="row">Its first row.</param>
    /// <param name="barrier">Where its bytes count.</param>
    /// <param name="isOnce">Whether nobody reads it again, so that L2 may forget it first.</param>
    public static void Load(uint shared, long map, int column, int row, uint barrier, bool isOnce)
    {
        if (isOnce)
        {
            TensorCopy.LoadOnce(shared, map, column, row, barrier);
        }
        else
        {
            TensorCopy.Load(shared, map, column, row, barrier);
        }
    }
}
