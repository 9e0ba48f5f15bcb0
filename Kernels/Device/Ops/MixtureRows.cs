using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// The first half of expert_mixture and grouped_experts for few generated rows, on cards since Ampere: each row for itself,
/// straight from its choice of experts, the shared expert beside them; <see cref="MixtureDownRows"/> is the second. Each group has an even share of the work and reads its weights in one
/// stream (<see cref="RowStream"/>). Sums have the orders of the kernels for more rows (<see cref="ExpertRows"/>,
/// <see cref="GateUpRows"/>), so the bits do too.
/// </summary>
public static class MixtureRows
{
    /// <summary>The most choices of all rows.</summary>
    public const int MostPairs = 40;

    /// <summary>The longest row that fits.</summary>
    public const int MostInputs = 6144;

    private const int Side = 16;
    private const int Eight = 8;

    // Outputs that a warp has left before it waits for the others, in sixteens.
    private const int Rounds = 8;

    private const int TermBytes = MostInputs / 32 * OneRow.BlockBytes;
    private const int WeightBytes = RowProducts.Warps * RowStream.WarpBytes;

    /// <summary>
    /// inner[t, r·I + i] = silu(x·gate_i) · (x·up_i) of the expert at rank r, and of the shared expert behind the last rank.
    /// A group has first its share of the shared expert's outputs, then that of the ranks'.
    /// </summary>
    [Kernel("mixture_gate_up_rows", RowProducts.Threads, groups: "*", Unroll = true)]
    [Instance("slices2x", typeof(TwoSlices), typeof(SplitTerms))]
    [Instance("slices4x", typeof(FourSlices), typeof(SplitTerms))]
    [Instance("slices8x", typeof(EightSlices), typeof(SplitTerms))]
    [Instance("slices2x_rounded", typeof(TwoSlices), typeof(SingleTerm))]
    [Instance("slices4x_rounded", typeof(FourSlices), typeof(SingleTerm))]
    [Instance("slices8x_rounded", typeof(EightSlices), typeof(SingleTerm))]
    [Cuda("sm_80", SharedBytes = WeightBytes + TermBytes, GroupsTogether = 2)]
    public static void Run<TSlices, TTerms>(
        [Shape("T", "H")] ArrayView<float> x,
        [Shape("T", "K")] ArrayView<int> experts,
        [Shape("T", "W")] ArrayView<float> inner,
        [Shape("E", "IH")] ArrayView<ushort> gate,
        [Shape("E", "IH")] ArrayView<ushort> up,
        [Shape("J", "H")] ArrayView<ushort> sharedGate,
        [Shape("J", "H")] ArrayView<ushort> sharedUp,
        [Extent("T")] int rows,
        [Extent("K")] int topK,
        [Extent("H")] int inputs,
        [Extent("W")] int innerWidth,
        [Extent("J")] int sharedWidth,
        [RowStride("x")] int xStride,
        [RowStride("gate")] int gateStride,
        [RowStride("up")] int upStride,
        int width)
        where TSlices : struct, ISlices
        where TTerms : struct, IActivationTerms
    {
        ArrayView<float> sums = SharedMemory.Allocate<float>(Rounds * RowProducts.Warps * Side);
        ArrayView<int> choice = SharedMemory.Allocate<int>(MostPairs);
        ArrayView<int> targets = SharedMemory.Allocate<int>(Rounds);
        ArrayView<int> counts = SharedMemory.Allocate<int>(Rounds);
        uint memory = CudaShared.Base(), write = RowStream.Write(memory), read = RowStream.Read(memory), terms = memory + WeightBytes;
        int own = RowProducts.Warps / TSlices.Count * Eight, line = (Group.IdxX >> 5) / TSlices.Count * Eight;
        int begin = RowProducts.Begin<TSlices>(inputs), chunks = (RowProducts.End<TSlices>(inputs) - begin) / RowStream.Depth;

        // Outputs of all rows are counted through, the shared expert's and the ranks' apart.
        int routed = RowStream.Begin(rows * topK * width, Grid.IdxX), routedEnd = RowStream.Begin(rows * topK * width, Grid.IdxX + 1);
        int next = RowStream.Begin(rows * sharedWidth, Grid.IdxX), end = RowStream.Begin(rows * sharedWidth, Grid.IdxX + 1);
        bool isShared = next < end;
        if (!isShared)
        {
            // The choice is another kernel's output; the shared expert's weights are nobody's.
            DependentLaunch.Wait();
            next = routed;
            end = routedEnd;
        }

        int matrix = next / (isShared ? sharedWidth : width), within = next - (matrix * (isShared ? sharedWidth : width));
        int count = Count(next, end, isShared ? sharedWidth : width, own);
        long gateStart = (long)(within + Math.Min(line, count - 1)) * inputs, upStart = gateStart;
        if (!isShared)
        {
            int expert = experts[matrix];
            gateStart += (long)expert * gateStride;
            upStart += (long)expert * upStride;
        }

        ArrayView<ushort> firstGates = isShared ? sharedGate : gate, firstUps = isShared ? sharedUp : up;
        for (int part = 0; part < RowStream.Parts; part++)
        {
            RowStream.Bring(write, part, 0, Eight, firstGates, gateStart, count - line, begin + (part * RowStream.PartBlocks), inputs);
            RowStream.Bring(write, part, Eight, Eight, firstUps, upStart, count - line, begin + (part * RowStream.PartBlocks), inputs);
            CopyAsync.Commit();
        }

        // Only after the wait may the next kernel start: it reads the choice without waiting.
        DependentLaunch.Wait();
        DependentLaunch.Allow();
        if (Group.IdxX < rows * topK)
        {
            choice[Group.IdxX] = experts[Group.IdxX];
        }

        int left = 0, split = -1;
        while (count > 0)
        {
            int row = isShared ? matrix : matrix / topK;
            if (split != row)
            {
                Group.Barrier();
                Split<TTerms>(terms, x, (long)row * xStride, inputs);
                Group.Barrier();
                split = row;
            }

            if (Group.IdxX == 0)
            {
                targets[left] = (row * innerWidth) + (isShared ? topK * width : (matrix - (row * topK)) * width) + within;
                counts[left] = count;
            }

            // What comes next.
            bool wasShared = isShared;
            int before = count;
            next += count;
            if (isShared && next == end)
            {
                isShared = false;
                next = routed;
                end = routedEnd;
            }

            int matrixWidth = isShared ? sharedWidth : width;
            count = next < end ? Count(next, end, matrixWidth, own) : 0;
            matrix = count > 0 ? next / matrixWidth : 0;
            within = count > 0 ? next - (matrix * matrixWidth) : 0;
            long nextGateStart = (long)(within + Math.Max(Math.Min(line, count - 1), 0)) * inputs, nextUpStart = nextGateStart;
            if (!isShared)
            {
                nextGateStart += (long)choice[matrix] * gateStride;
                nextUpStart += (long)choice[matrix] * upStride;
            }

            Accumulators.Clear4(0);
            Accumulators.Clear4(4);
            for (int chunk = 0; chunk < chunks; chunk++)
            {
                uint word = terms + (uint)(((begin + (chunk * RowStream.Depth)) * OneRow.BlockBytes) + ((Group.IdxX & 3) * 16));
                bool isLast = chunk + 1 == chunks, fromShared = isLast ? isShared : wasShared;
                int block = isLast ? begin : begin + ((chunk + 1) * RowStream.Depth);
                gateStart = isLast ? nextGateStart : gateStart;
                upStart = isLast ? nextUpStart : upStart;
                int rowsThere = isLast ? count - line : before - line;
                ArrayView<ushort> gates = fromShared ? sharedGate : gate, ups = fromShared ? sharedUp : up;
                for (int part = 0; part < RowStream.Parts; part++)
                {
                    OneRow.Multiply<TTerms>(read, part, word);
                    RowStream.Bring(write, part, 0, Eight, gates, gateStart, rowsThere, block + (part * RowStream.PartBlocks), inputs);
                    RowStream.Bring(write, part, Eight, Eight, ups, upStart, rowsThere, block + (part * RowStream.PartBlocks), inputs);
                    CopyAsync.Commit();
                }
            }

            OneRow.Leave(sums, (left * RowProducts.Warps) + (Group.IdxX >> 5));
            left++;
            if (left == Rounds || count == 0)
            {
                Group.Barrier();
                for (int i = Group.IdxX; i < left * own; i += RowProducts.Threads)
                {
                    int round = i / own, j = i % own, n = j % Eight, at = (round * RowProducts.Warps) + (j / Eight * TSlices.Count);
                    if (j < counts[round])
                    {
                        inner[targets[round] + j] = GateMath.Silu(OneRow.Sum<TSlices>(sums, at, n)) * OneRow.Sum<TSlices>(sums, at, n + Eight);
                    }
                }

                Group.Barrier();
                left = 0;
            }
        }

        CopyAsync.Wait(0);
    }

    // A row's terms for all warps; a barrier must follow.
    private static void Split<TTerms>(uint terms, ArrayView<float> x, long row, int inputs)
        where TTerms : struct, IActivationTerms
    {
        var words = new uint[Eight];
        for (int i = Group.IdxX; i < RowProducts.Blocks(inputs) * 4; i += RowProducts.Threads)
        {
            bool inside = i * Eight < inputs;
            long at = row + (inside ? i * Eight : 0);
            RowProducts.Split<TTerms>(words, 0, WideAccess.Load(ref x[at]), WideAccess.Load(ref x[at + 4]), inside);
            uint to = terms + (uint)((i / 4 * OneRow.BlockBytes) + (i % 4 * 16));
            CudaShared.Store4(to, RowStream.Words(words, 0));
            if (TTerms.Count == 2)
            {
                CudaShared.Store4(to + (OneRow.BlockBytes / 2), RowStream.Words(words, 4));
            }
        }
    }

    // Outputs that a round has: up to the group's last, and of one matrix.
    private static int Count(int first, int end, int width, int most) => Math.Min(Math.Min(most, end - first), width - (first % width));
}
