using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// The first half of expert_mixture and grouped_experts for few generated rows, on cards since Ampere: each row for itself,
/// straight from its choice of experts, the shared expert beside them; <see cref="MixtureDownRows"/> is the second. Each group
/// has an even share of the work and its warps read their slices of it in streams of their own (<see cref="OneRow"/>). Sums have
/// the orders of the kernels for more rows (<see cref="ExpertRows"/>, <see cref="GateUpRows"/>), so the bits do too.
/// </summary>
public static class MixtureRows
{
    /// <summary>The most choices of all rows.</summary>
    public const int MostPairs = 40;

    private const int Eight = 8;

    // Gates, and as many ups: what a line of warps multiplies at a time.
    private const int Unit = OneRow.Outputs / 2;

    // Chunks that a warp has on their way.
    private const int Ahead = 2;

    // Units that lines of warps have left before they wait for each other.
    private const int Rounds = 8;

    private const int TermBytes = OneRow.Blocks * OneRow.BlockBytes;
    private const int WarpBytes = (Ahead * OneRow.ChunkBytes) + TermBytes;

    /// <summary>
    /// inner[t, r·I + i] = silu(x·gate_i) · (x·up_i) of the expert at rank r, and of the shared expert behind the last rank, as
    /// terms: of eight along i the first ones, then the second ones. A group has first its share of the shared expert's outputs,
    /// then that of the ranks'.
    /// </summary>
    [Kernel("mixture_gate_up_rows", RowProducts.Threads, groups: "*", Unroll = true)]
    [Instance("slices2x", typeof(TwoSlices), typeof(SplitTerms))]
    [Instance("slices4x", typeof(FourSlices), typeof(SplitTerms))]
    [Instance("slices8x", typeof(EightSlices), typeof(SplitTerms))]
    [Instance("slices2x_rounded", typeof(TwoSlices), typeof(SingleTerm))]
    [Instance("slices4x_rounded", typeof(FourSlices), typeof(SingleTerm))]
    [Instance("slices8x_rounded", typeof(EightSlices), typeof(SingleTerm))]
    [Cuda("sm_80", SharedBytes = RowProducts.Warps * WarpBytes, GroupsTogether = 2)]
    public static void Run<TSlices, TTerms>(
        [Shape("T", "H")] ArrayView<float> x,
        [Shape("T", "K")] ArrayView<int> experts,
        [Shape("T", "V")] ArrayView<ushort> inner,
        [Shape("E", "IH")] ArrayView<ushort> gate,
        [Shape("E", "IH")] ArrayView<ushort> up,
        [Shape("J", "H")] ArrayView<ushort> sharedGate,
        [Shape("J", "H")] ArrayView<ushort> sharedUp,
        [Extent("T")] int rows,
        [Extent("K")] int topK,
        [Extent("H")] int inputs,
        [Extent("V")] int innerWidth,
        [Extent("J")] int sharedWidth,
        [RowStride("x")] int xStride,
        [RowStride("gate")] int gateStride,
        [RowStride("up")] int upStride,
        int width)
        where TSlices : struct, ISlices
        where TTerms : struct, IActivationTerms
    {
        var terms = new uint[OneRow.Blocks * 4];
        ArrayView<float> sums = SharedMemory.Allocate<float>(Rounds * RowProducts.Warps * OneRow.Outputs);
        ArrayView<int> targets = SharedMemory.Allocate<int>(Rounds * RowProducts.Warps), choice = SharedMemory.Allocate<int>(MostPairs);
        int lane = Group.IdxX & 31, warp = Group.IdxX >> 5, lines = RowProducts.Warps / TSlices.Count, line = warp / TSlices.Count;
        uint memory = CudaShared.Base() + (uint)(warp * WarpBytes), split = memory + (Ahead * OneRow.ChunkBytes);
        uint own = split + (uint)(((lane & 3) * 16) + (((lane >> 2) & (TTerms.Count - 1)) * (OneRow.BlockBytes / 2)));
        int begin = RowProducts.Begin<TSlices>(inputs), chunks = (RowProducts.End<TSlices>(inputs) - begin) / OneRow.Blocks;

        // Units of all rows are counted through, the shared expert's and the ranks' apart.
        int sharedUnits = sharedWidth / Unit, units = width / Unit;
        int sharedFirst = RowStream.Begin(rows * sharedUnits, Grid.IdxX), sharedCount = RowStream.Begin(rows * sharedUnits, Grid.IdxX + 1) - sharedFirst;
        int routedFirst = RowStream.Begin(rows * topK * units, Grid.IdxX), count = sharedCount + RowStream.Begin(rows * topK * units, Grid.IdxX + 1) - routedFirst;
        bool isFirstShared = line < sharedCount, early = isFirstShared && chunks > 0;
        GateUpPlace place = GateUpPlace.Of(line, isFirstShared ? sharedFirst + line : routedFirst + line - sharedCount, isFirstShared ? sharedUnits : units), next = place;
        if (early)
        {
            // The choice is another kernel's output; the shared expert's weights are nobody's.
            Bring(memory, next, sharedCount, begin, inputs, gateStride, upStride, choice, gate, up, sharedGate, sharedUp);
        }

        // Only after the wait may the next kernel start: it reads the choice without waiting. One warp or two read it for all:
        // every warp of all groups would wait for one place in L2.
        DependentLaunch.Wait();
        DependentLaunch.Allow();
        if (Group.IdxX < rows * topK)
        {
            choice[Group.IdxX] = experts[Group.IdxX];
        }

        Group.Barrier();
        for (int ahead = 0; ahead < Ahead; ahead++)
        {
            if (chunks > 0 && next.Unit < count && !(early && ahead == 0))
            {
                Bring(memory + (uint)(ahead * OneRow.ChunkBytes), next, sharedCount, begin, inputs, gateStride, upStride, choice, gate, up, sharedGate, sharedUp);
            }

            CopyAsync.Commit();
            next = GateUpPlace.After(next, lines, chunks, sharedCount, sharedUnits, routedFirst, units);
        }

        uint read = memory;
        int left = 0, made = -1;
        for (int first = 0; first < count; first += lines)
        {
            if (place.Unit < count)
            {
                bool isShared = place.Unit < sharedCount;
                int row = isShared ? place.Matrix : place.Matrix / topK;
                if (lane == 0)
                {
                    targets[(left * RowProducts.Warps) + warp] = (row * (innerWidth / 2)) + (isShared ? topK * width : (place.Matrix - (row * topK)) * width) + (place.Within * Unit);
                }

                Accumulators.Clear4(0);
                for (int chunk = 0; chunk < chunks; chunk++)
                {
                    if (made != (row * chunks) + chunk)
                    {
                        made = (row * chunks) + chunk;
                        Split<TTerms>(split, x, (long)row * xStride, begin + (chunk * OneRow.Blocks), inputs);
                        for (int b = 0; b < OneRow.Blocks; b++)
                        {
                            U4 block = CudaShared.Load4(own + (uint)(b * OneRow.BlockBytes));
                            terms[b * 4] = block.X;
                            terms[(b * 4) + 1] = block.Y;
                            terms[(b * 4) + 2] = block.Z;
                            terms[(b * 4) + 3] = block.W;
                        }
                    }

                    CopyAsync.Wait(Ahead - 1);
                    Lanes.Together();
                    uint at = OneRow.Read(read);
                    for (int b = 0; b < OneRow.Blocks; b++)
                    {
                        OneRow.Multiply(at, b, RowStream.Words(terms, b * 4));
                    }

                    Lanes.Together();
                    if (next.Unit < count)
                    {
                        Bring(read, next, sharedCount, begin, inputs, gateStride, upStride, choice, gate, up, sharedGate, sharedUp);
                    }

                    CopyAsync.Commit();
                    next = GateUpPlace.After(next, lines, chunks, sharedCount, sharedUnits, routedFirst, units);
                    read = read == memory ? memory + OneRow.ChunkBytes : memory;
                }

                OneRow.Leave<TTerms>(sums, (left * RowProducts.Warps) + warp);
                place.Chunk = chunks;
                place = GateUpPlace.After(place, lines, chunks, sharedCount, sharedUnits, routedFirst, units);
            }

            left++;
            if (left == Rounds || first + lines >= count)
            {
                Group.Barrier();
                int ready = Math.Min(left * lines, count - (first + lines - (left * lines)));
                for (int i = Group.IdxX; i < ready * Unit; i += RowProducts.Threads)
                {
                    int n = i % Unit, slice = (i / Unit / lines * RowProducts.Warps) + (i / Unit % lines * TSlices.Count), to = targets[slice] + n;
                    float value = GateMath.Silu(OneRow.Sum<TSlices>(sums, slice, n)) * OneRow.Sum<TSlices>(sums, slice, n + Unit);
                    long at = ((long)(to / Eight) * (2 * Eight)) + (to % Eight);
                    uint term = BF16.Pack(value, 0);
                    inner[at] = (ushort)term;
                    if (TTerms.Count == 2)
                    {
                        // What the first term leaves out is exact in f32.
                        inner[at + Eight] = (ushort)BF16.Pack(value - BF16.Low(term), 0);
                    }
                }

                Group.Barrier();
                left = 0;
            }
        }

        CopyAsync.Wait(0);
    }

    // Asks for a chunk of a unit's gates and ups.
    private static void Bring(
        uint memory,
        GateUpPlace place,
        int sharedCount,
        int begin,
        int inputs,
        int gateStride,
        int upStride,
        ArrayView<int> choice,
        ArrayView<ushort> gate,
        ArrayView<ushort> up,
        ArrayView<ushort> sharedGate,
        ArrayView<ushort> sharedUp)
    {
        int block = begin + (place.Chunk * OneRow.Blocks);
        long start = (long)(place.Within * Unit) * inputs;
        if (place.Unit < sharedCount)
        {
            OneRow.Bring(memory, 0, Unit, sharedGate, start, block, inputs);
            OneRow.Bring(memory, Unit, Unit, sharedUp, start, block, inputs);
        }
        else
        {
            long expert = choice[place.Matrix];
            OneRow.Bring(memory, 0, Unit, gate, start + (expert * gateStride), block, inputs);
            OneRow.Bring(memory, Unit, Unit, up, start + (expert * upStride), block, inputs);
        }
    }

    // A warp's terms of a chunk of a row: a lane makes those of eight along k.
    private static void Split<TTerms>(uint to, ArrayView<float> x, long row, int block, int inputs)
        where TTerms : struct, IActivationTerms
    {
        var words = new uint[Eight];
        int lane = Group.IdxX & 31, k = (block * 32) + (lane * Eight);
        bool inside = k < inputs;
        long at = row + (inside ? k : 0);
        RowProducts.Split<TTerms>(words, 0, WideAccess.Load(ref x[at]), WideAccess.Load(ref x[at + 4]), inside);
        uint own = to + (uint)((lane / 4 * OneRow.BlockBytes) + (lane % 4 * 16));
        Lanes.Together();
        CudaShared.Store4(own, RowStream.Words(words, 0));
        if (TTerms.Count == 2)
        {
            CudaShared.Store4(own + (OneRow.BlockBytes / 2), RowStream.Words(words, 4));
        }

        Lanes.Together();
    }
}
