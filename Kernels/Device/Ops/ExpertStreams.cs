using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// grouped_experts, generated rows that share experts, on cards since Ampere: as <see cref="ExpertRows"/>, to the bit, but each
/// group has an even share of all tiles' outputs and reads their weights in one stream (<see cref="RowStream"/>), where those
/// there begin anew for every tile. Tiles without rows are left out first, so that shares are even.
/// </summary>
public static class ExpertStreams
{
    /// <summary>The most tiles, those without rows counted.</summary>
    public const int MostTiles = 1024;

    private const int TileColumns = 3;
    private const int Side = 16;
    private const int Eight = 8;

    // Units that a group has multiplied before it joins their slices.
    private const int Rounds = 2;

    private const int UnitSums = RowProducts.Warps * Eight * Side;
    private const int TileBytes = MostTiles * sizeof(int);
    private const int WeightBytes = RowProducts.Warps * RowStream.WarpBytes;

    /// <summary>inner[place, i] = silu(x·gate_i) · (x·up_i) of the place's row and expert. A unit is eight outputs of each matrix for every line of warps.</summary>
    /// <param name="x">f32; rows begin at multiples of 16 bytes.</param>
    /// <param name="inner">f32.</param>
    /// <param name="rows">The row of each place.</param>
    /// <param name="tiles">Expert, first place, rows.</param>
    /// <param name="gate">bf16.</param>
    /// <param name="up">bf16.</param>
    /// <param name="tileCount">Tiles, at most <see cref="MostTiles"/>.</param>
    /// <param name="inputs">H, a slice of which is one chunk at most.</param>
    /// <param name="width">I.</param>
    /// <param name="gateStride">Elements from an expert to the next.</param>
    /// <param name="upStride">Likewise.</param>
    [Kernel("expert_gate_up_stream", RowProducts.Threads, groups: "*", Unroll = true)]
    [Instance("slices2x", typeof(TwoSlices))]
    [Instance("slices8x", typeof(EightSlices))]
    [Cuda("sm_80", SharedBytes = WeightBytes + (3 * TileBytes), GroupsTogether = 2)]
    public static void GateUp<TSlices>(
        [Shape("T", "H")] ArrayView<float> x,
        [Shape("N", "I")] ArrayView<float> inner,
        [Shape("N")] ArrayView<int> rows,
        [Shape("Tiles", "3")] ArrayView<int> tiles,
        [Shape("E", "I*H")] ArrayView<ushort> gate,
        [Shape("E", "I*H")] ArrayView<ushort> up,
        [Extent("Tiles")] int tileCount,
        [Extent("H")] int inputs,
        [Extent("I")] int width,
        [RowStride("gate")] int gateStride,
        [RowStride("up")] int upStride)
        where TSlices : struct, ISlices
    {
        var terms = new uint[RowStream.Depth * Eight];
        ArrayView<float> sums = SharedMemory.Allocate<float>(Rounds * UnitSums);
        ArrayView<int> totals = SharedMemory.Allocate<int>(RowProducts.Warps);
        uint memory = CudaShared.Base(), write = RowStream.Write(memory), read = RowStream.Read(memory), list = memory + WeightBytes;
        int lane = Group.IdxX & 31, warp = Group.IdxX >> 5, own = RowProducts.Warps / TSlices.Count * Eight, line = warp / TSlices.Count * Eight;
        int begin = RowProducts.Begin<TSlices>(inputs), each = (width + own - 1) / own;
        DependentLaunch.Allow();
        DependentLaunch.Wait();
        int busy = List(list, totals, tiles, tileCount);
        int unit = RowStream.Begin(busy * each, Grid.IdxX), end = RowStream.Begin(busy * each, Grid.IdxX + 1);

        // The first weights. A group without a share brings nothing; what it names must exist.
        int tile = unit < end ? unit / each : 0, output = (unit - (tile * each)) * own;
        int count = unit < end ? width - output - line : 0;
        long at = (long)Math.Max(Math.Min(output + line, width - 1), 0) * inputs;
        long gates = ((long)Expert(list, tile) * gateStride) + at, ups = ((long)Expert(list, tile) * upStride) + at;
        for (int part = 0; part < RowStream.Parts; part++)
        {
            RowStream.Bring(write, part, 0, Eight, gate, gates, count, begin + (part * RowStream.PartBlocks), inputs);
            RowStream.Bring(write, part, Eight, Eight, up, ups, count, begin + (part * RowStream.PartBlocks), inputs);
            CopyAsync.Commit();
        }

        int left = 0, split = -1, pending = unit;
        for (; unit < end; unit++)
        {
            tile = unit / each;
            if (tile != split)
            {
                // Rows past the tile's end repeat the last one and are not stored.
                int row = rows[Place(list, tile) + Math.Min(lane >> 2, Rows(list, tile) - 1)];
                LinearRowsFew.Split(terms, x, (long)row * inputs, begin, inputs);
                split = tile;
            }

            bool goesOn = unit + 1 < end;
            int next = goesOn ? (unit + 1) / each : tile;
            output = goesOn ? (unit + 1 - (next * each)) * own : 0;
            count = goesOn ? width - output - line : 0;
            at = (long)Math.Min(output + line, width - 1) * inputs;
            gates = ((long)Expert(list, next) * gateStride) + at;
            ups = ((long)Expert(list, next) * upStride) + at;
            Multiply(terms, read, write, gate, up, gates, ups, count, begin, inputs);
            LinearRowsFew.Leave(sums, ((left * RowProducts.Warps) + warp) * Eight * Side, Eight);
            left++;
            if (left == Rounds || !goesOn)
            {
                Group.Barrier();
                for (int i = Group.IdxX; i < left * own * Eight; i += RowProducts.Threads)
                {
                    int round = i / (own * Eight), n = i % own, row = i / own % Eight, of = (pending + round) / each, first = (pending + round - (of * each)) * own;
                    if (row < Rows(list, of) && first + n < width)
                    {
                        int sum = ((((round * RowProducts.Warps) + (n / Eight * TSlices.Count)) * Eight) + row) * Side;
                        float g = LinearRowsFew.Join<TSlices>(sums, sum + (n % Eight), Eight * Side), u = LinearRowsFew.Join<TSlices>(sums, sum + Eight + (n % Eight), Eight * Side);
                        inner[((long)(Place(list, of) + row) * width) + first + n] = GateMath.Silu(g) * u;
                    }
                }

                Group.Barrier();
                pending += left;
                left = 0;
            }
        }

        CopyAsync.Wait(0);
    }

    /// <summary>parts[place, h] = inner·down_h of the place's expert. A unit is sixteen outputs for every line of warps.</summary>
    /// <param name="inner">f32; rows begin at multiples of 16 bytes.</param>
    /// <param name="parts">f32.</param>
    /// <param name="tiles">Expert, first place, rows.</param>
    /// <param name="down">bf16.</param>
    /// <param name="tileCount">Tiles, at most <see cref="MostTiles"/>.</param>
    /// <param name="inputs">I, a slice of which is one chunk at most.</param>
    /// <param name="outputs">H.</param>
    /// <param name="downStride">Elements from an expert to the next.</param>
    [Kernel("expert_down_stream", RowProducts.Threads, groups: "*", Unroll = true)]
    [Instance("slices2x", typeof(TwoSlices))]
    [Cuda("sm_80", SharedBytes = WeightBytes + (3 * TileBytes), GroupsTogether = 2)]
    public static void Down<TSlices>(
        [Shape("N", "I")] ArrayView<float> inner,
        [Shape("N", "H")] ArrayView<float> parts,
        [Shape("Tiles", "3")] ArrayView<int> tiles,
        [Shape("E", "H*I")] ArrayView<ushort> down,
        [Extent("Tiles")] int tileCount,
        [Extent("I")] int inputs,
        [Extent("H")] int outputs,
        [RowStride("down")] int downStride)
        where TSlices : struct, ISlices
    {
        var terms = new uint[RowStream.Depth * Eight];
        ArrayView<float> sums = SharedMemory.Allocate<float>(Rounds * UnitSums);
        ArrayView<int> totals = SharedMemory.Allocate<int>(RowProducts.Warps);
        uint memory = CudaShared.Base(), write = RowStream.Write(memory), read = RowStream.Read(memory), list = memory + WeightBytes;
        int lane = Group.IdxX & 31, warp = Group.IdxX >> 5, own = RowProducts.Warps / TSlices.Count * Side, line = warp / TSlices.Count * Side;
        int begin = RowProducts.Begin<TSlices>(inputs), each = (outputs + own - 1) / own;
        DependentLaunch.Allow();
        DependentLaunch.Wait();
        int busy = List(list, totals, tiles, tileCount);
        int unit = RowStream.Begin(busy * each, Grid.IdxX), end = RowStream.Begin(busy * each, Grid.IdxX + 1);
        int tile = unit < end ? unit / each : 0, output = (unit - (tile * each)) * own;
        int count = unit < end ? outputs - output - line : 0;
        long weights = ((long)Expert(list, tile) * downStride) + ((long)Math.Max(Math.Min(output + line, outputs - 1), 0) * inputs);
        for (int part = 0; part < RowStream.Parts; part++)
        {
            RowStream.Bring(write, part, 0, Side, down, weights, count, begin + (part * RowStream.PartBlocks), inputs);
            CopyAsync.Commit();
        }

        int left = 0, split = -1, pending = unit;
        for (; unit < end; unit++)
        {
            tile = unit / each;
            if (tile != split)
            {
                LinearRowsFew.Split(terms, inner, (long)(Place(list, tile) + Math.Min(lane >> 2, Rows(list, tile) - 1)) * inputs, begin, inputs);
                split = tile;
            }

            bool goesOn = unit + 1 < end;
            int next = goesOn ? (unit + 1) / each : tile;
            output = goesOn ? (unit + 1 - (next * each)) * own : 0;
            count = goesOn ? outputs - output - line : 0;
            weights = ((long)Expert(list, next) * downStride) + ((long)Math.Min(output + line, outputs - 1) * inputs);

            // Sixteen rows of one matrix are eight and the eight behind them.
            Multiply(terms, read, write, down, down, weights, weights + ((long)Math.Min(Eight, Math.Max(count - 1, 0)) * inputs), count, begin, inputs, Eight);
            LinearRowsFew.Leave(sums, ((left * RowProducts.Warps) + warp) * Eight * Side, Eight);
            left++;
            if (left == Rounds || !goesOn)
            {
                Group.Barrier();
                for (int i = Group.IdxX; i < left * own * Eight; i += RowProducts.Threads)
                {
                    int round = i / (own * Eight), n = i % own, row = i / own % Eight, of = (pending + round) / each, first = (pending + round - (of * each)) * own;
                    if (row < Rows(list, of) && first + n < outputs)
                    {
                        int sum = ((((round * RowProducts.Warps) + (n / Side * TSlices.Count)) * Eight) + row) * Side;
                        parts[((long)(Place(list, of) + row) * outputs) + first + n] = LinearRowsFew.Join<TSlices>(sums, sum + (n % Side), Eight * Side);
                    }
                }

                Group.Barrier();
                pending += left;
                left = 0;
            }
        }

        CopyAsync.Wait(0);
    }

    // Products of a unit, whose weights come; the next one's are asked for in their place, the second eight rows `further` on.
    private static void Multiply(
        uint[] terms, uint read, uint write, ArrayView<ushort> one, ArrayView<ushort> other, long oneStart, long otherStart, int count, int begin, int inputs,
        int further = 0)
    {
        Accumulators.Clear4(0);
        Accumulators.Clear4(4);
        for (int part = 0; part < RowStream.Parts; part++)
        {
            RowStream.Ready();
            for (int b = 0; b < RowStream.PartBlocks; b++)
            {
                int at = ((part * RowStream.PartBlocks) + b) * Eight;
                RowStream.Multiply(read, part, b, RowStream.Words(terms, at), RowStream.Words(terms, at + 4));
            }

            Lanes.Together();
            RowStream.Bring(write, part, 0, Eight, one, oneStart, count, begin + (part * RowStream.PartBlocks), inputs);
            RowStream.Bring(write, part, Eight, Eight, other, otherStart, count - further, begin + (part * RowStream.PartBlocks), inputs);
            CopyAsync.Commit();
        }
    }

    // Lists the tiles that have rows, in their order, and says how many there are.
    private static int List(uint list, ArrayView<int> totals, ArrayView<int> tiles, int tileCount)
    {
        int found = 0, lane = Group.IdxX & 31, warp = Group.IdxX >> 5;
        for (int from = 0; from < tileCount; from += RowProducts.Threads)
        {
            int slot = Math.Min(from + Group.IdxX, tileCount - 1) * TileColumns, rows = from + Group.IdxX < tileCount ? tiles[slot + 2] : 0;

            // How many have rows up to this one: across the warp, then the warps before it.
            int through = rows > 0 ? 1 : 0, before = 0, all = 0;
            through += Below(through, lane, 1);
            through += Below(through, lane, 2);
            through += Below(through, lane, 4);
            through += Below(through, lane, 8);
            through += Below(through, lane, 16);

            if (lane == 31)
            {
                totals[warp] = through;
            }

            Group.Barrier();
            for (int w = 0; w < RowProducts.Warps; w++)
            {
                int total = totals[w];
                before += w < warp ? total : 0;
                all += total;
            }

            if (rows > 0)
            {
                uint at = list + (uint)((found + before + through - 1) * sizeof(int));
                CudaShared.Store(at, (uint)tiles[slot]);
                CudaShared.Store(at + TileBytes, (uint)tiles[slot + 1]);
                CudaShared.Store(at + (2 * TileBytes), (uint)rows);
            }

            found += all;
            Group.Barrier();
        }

        if (found == 0 && Group.IdxX == 0)
        {
            // Groups without a share name the first tile's expert.
            CudaShared.Store(list, 0);
        }

        Group.Barrier();
        return found;
    }

    // What the lane so many below has; its bits travel as those of a float.
    private static int Below(int value, int lane, int step)
    {
        int below = (int)Interop.FloatAsInt(Lanes.From(Interop.IntAsFloat((uint)value), (lane - step) & 31));
        return lane >= step ? below : 0;
    }

    private static int Expert(uint list, int tile) => (int)CudaShared.Load(list + (uint)(tile * sizeof(int)));

    private static int Place(uint list, int tile) => (int)CudaShared.Load(list + TileBytes + (uint)(tile * sizeof(int)));

    private static int Rows(uint list, int tile) => (int)CudaShared.Load(list + (2 * TileBytes) + (uint)(tile * sizeof(int)));
}
