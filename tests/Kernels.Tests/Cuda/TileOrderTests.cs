using Lean.Kernels.Device;

namespace Lean.Kernels.Tests;

/// <summary>The order in which a product's tiles come.</summary>
public sealed class TileOrderTests
{
    // One band, less and more than one, a last one of a single tile; more rows than columns and fewer.
    [Theory]
    [InlineData(16, 49)]
    [InlineData(5, 3)]
    [InlineData(33, 8)]
    [InlineData(64, 1)]
    [InlineData(1, 970)]
    public void Every_tile_comes_once_band_by_band(int rowTiles, int columnTiles)
    {
        Check(i => TileOrder.Of<SplitTerms>(i, rowTiles, columnTiles), rowTiles, columnTiles, bandRows: 16);
        Check(i => TileOrder.Of<SingleTerm>(i, rowTiles, columnTiles), rowTiles, columnTiles, bandRows: 32);
    }

    private static void Check(Func<int, TilePlace> place, int rowTiles, int columnTiles, int bandRows)
    {
        (int Row, int Across)[] order = [.. Enumerable.Range(0, rowTiles * columnTiles).Select(place).Select(static p => (p.Row, p.Across))];
        Assert.Equal(order.Length, order.Distinct().Count());
        Assert.All(order, p => Assert.True(p.Row >= 0 && p.Row < rowTiles && p.Across >= 0 && p.Across < columnTiles));
        Assert.Equal(order.OrderBy(p => (p.Row / bandRows, p.Across, p.Row)), order);
    }
}
