using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// The first half of gated_mlp, generated rows, on Hopper, where gates are few and K is one chunk of each slice: a group has eight
/// gates and the ups beside them, or sixteen, and all of their weights on their way before it waits for the kernel before this one.
/// Eight gates, then their ups, are the left side of a product. Sums have the order of <see cref="RowProducts"/>.
/// </summary>
public static class GateUpRowsWhole
{
    private const int Eight = 8;

    /// <summary>inner[t, i] = silu(x·gate_i) · (x·up_i).</summary>
    /// <param name="x">f32; rows begin at multiples of 16 bytes.</param>
    /// <param name="gate">bf16; H is a multiple of 8, at most eight slices of a chunk, and its address a multiple of 16.</param>
    /// <param name="up">bf16, likewise.</param>
    /// <param name="inner">f32.</param>
    /// <param name="rows">T.</param>
    /// <param name="inputs">H.</param>
    /// <param name="width">I.</param>
    /// <param name="xStride">Elements from a row to the next.</param>
    /// <param name="rowTiles">Groups that share some gates, each for its rows.</param>
    [Kernel("gate_up_rows_whole", RowProducts.Threads, groups: "*", Unroll = true)]
    [Instance("eight", typeof(EightRows), typeof(SplitTerms))]
    [Instance("eight_twice", typeof(EightRowsTwice), typeof(SplitTerms))]
    [Instance("eight_rounded", typeof(EightRows), typeof(SingleTerm))]
    [Instance("eight_twice_rounded", typeof(EightRowsTwice), typeof(SingleTerm))]
    [Instance("sixteen_twice_rounded", typeof(SixteenRowsTwice), typeof(SingleTerm))]
    [Cuda("sm_90a", SharedBytes = 2 * RowStream.GroupBytes, GroupsTogether = 2)]
    public static void Run<TTile, TTerms>(
        [Shape("T", "H")] ArrayView<float> x,
        [Shape("I", "H")] ArrayView<ushort> gate,
        [Shape("I", "H")] ArrayView<ushort> up,
        [Shape("T", "I")] ArrayView<float> inner,
        [Extent("T")] int rows,
        [Extent("H")] int inputs,
        [Extent("I")] int width,
        [RowStride("x")] int xStride,
        int rowTiles)
        where TTile : struct, IRowTile
        where TTerms : struct, IActivationTerms => Multiply<TTile, TTerms>(x, gate, up, inner, rows, inputs, width, xStride, rowTiles);

    /// <summary>The same of sixteen rows and gates in two terms, which take more registers than two groups of a multiprocessor have.</summary>
    [Kernel("gate_up_rows_whole_many", RowProducts.Threads, groups: "*", Unroll = true)]
    [Instance("", typeof(SixteenRowsTwice), typeof(SplitTerms))]
    [Cuda("sm_90a", SharedBytes = 2 * RowStream.GroupBytes)]
    public static void Many<TTile, TTerms>(
        [Shape("T", "H")] ArrayView<float> x,
        [Shape("I", "H")] ArrayView<ushort> gate,
        [Shape("I", "H")] ArrayView<ushort> up,
        [Shape("T", "I")] ArrayView<float> inner,
        [Extent("T")] int rows,
        [Extent("H")] int inputs,
        [Extent("I")] int width,
        [RowStride("x")] int xStride,
        int rowTiles)
        where TTile : struct, IRowTile
        where TTerms : struct, IActivationTerms => Multiply<TTile, TTerms>(x, gate, up, inner, rows, inputs, width, xStride, rowTiles);

    private static void Multiply<TTile, TTerms>(
        ArrayView<float> x, ArrayView<ushort> gate, ArrayView<ushort> up, ArrayView<float> inner, int rows, int inputs, int width, int xStride, int rowTiles)
        where TTile : struct, IRowTile
        where TTerms : struct, IActivationTerms
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(RowProducts.Warps * 128 * TTile.Outputs * TTile.Rows);
        DependentLaunch.Allow();
        uint memory = CudaShared.Base(), write = RowStream.Write(memory);
        int share = Grid.IdxX / rowTiles, own = Eight * TTile.Outputs, first = share * own, tileRows = Eight * TTile.Rows;
        int firstRow = (Grid.IdxX - (share * rowTiles)) * tileRows, begin = RowProducts.Begin<EightSlices>(inputs);

        // Weights are nobody's output: they may come while the kernel before this one still runs.
        for (int m = 0; m < TTile.Outputs; m++)
        {
            int n = first + (m * Eight);
            long start = (long)Math.Min(n, width - 1) * inputs;
            for (int part = 0; part < RowStream.Parts; part++)
            {
                int block = begin + (part * RowStream.PartBlocks);
                RowStream.Bring(write + (uint)(m * RowStream.GroupBytes), part, 0, Eight, gate, start, width - n, block, inputs);
                RowStream.Bring(write + (uint)(m * RowStream.GroupBytes), part, Eight, Eight, up, start, width - n, block, inputs);
            }
        }

        CopyAsync.Commit();
        DependentLaunch.Wait();
        Add<TTile, TTerms>(RowStream.Read(memory), x, xStride, firstRow, rows, begin, inputs);
        RowProducts.Leave<TTile>(shared);
        Group.Barrier();
        for (int i = Group.IdxX; i < own * tileRows; i += RowProducts.Threads)
        {
            int local = i % own, row = i / own, n = first + local, t = firstRow + row, place = (local / Eight * 16) + (local % Eight);
            if (t < rows && n < width)
            {
                float g = RowProducts.Join<TTile, EightSlices>(shared, 0, row, place), u = RowProducts.Join<TTile, EightSlices>(shared, 0, row, place + Eight);
                inner[((long)t * width) + n] = GateMath.Silu(g) * u;
            }
        }
    }

    // A warp's products, of its slice; weights are there before the first rows are.
    private static void Add<TTile, TTerms>(uint read, ArrayView<float> x, int xStride, int firstRow, int rows, int begin, int inputs)
        where TTile : struct, IRowTile
        where TTerms : struct, IActivationTerms
    {
        int lane = Group.IdxX & 31;
        var terms = new uint[RowStream.PartBlocks * 8];
        for (int i = 0; i < TTile.Outputs * TTile.Rows * 2; i++)
        {
            Accumulators.Clear4(i * 4);
        }

        for (int t = 0; t < TTile.Rows; t++)
        {
            // Rows past the end repeat the last one and are not stored.
            long row = (long)Math.Min(firstRow + (t * Eight) + (lane >> 2), rows - 1) * xStride;
            for (int part = 0; part < RowStream.Parts; part++)
            {
                for (int b = 0; b < RowStream.PartBlocks; b++)
                {
                    int k = ((begin + (part * RowStream.PartBlocks) + b) * 32) + ((lane & 3) * 8);
                    bool inside = k < inputs;
                    long at = row + (inside ? k : 0);
                    RowProducts.Split<TTerms>(terms, b * 8, WideAccess.Load(ref x[at]), WideAccess.Load(ref x[at + 4]), inside);
                }

                if (t == 0 && part == 0)
                {
                    CopyAsync.Wait(0);
                    Lanes.Together();
                }

                for (int b = 0; b < RowStream.PartBlocks; b++)
                {
                    U4 high = RowStream.Words(terms, b * 8), low = RowStream.Words(terms, (b * 8) + ((TTerms.Count - 1) * 4));
                    for (int m = 0; m < TTile.Outputs; m++)
                    {
                        RowStream.Multiply<TTerms>(((m * TTile.Rows) + t) * 8, read + (uint)(m * RowStream.GroupBytes), part, b, high, low);
                    }
                }
            }
        }
    }
}
