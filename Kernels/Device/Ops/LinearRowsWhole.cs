using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// linear for up to eight generated rows, on cards since Ampere (on Hopper one or two go to <see cref="LinearRowsTwo"/>), where a group has
/// at most eight outputs for each line of warps: all weights of a group fit in its shared memory, so it asks for all of them before it waits for the kernel before this one,
/// which on Hopper may compute meanwhile and leave memory at rest. Sums have the order of <see cref="RowProducts"/>.
/// </summary>
public static class LinearRowsWhole
{
    private const int Eight = 8;

    // Chunks of a slice.
    private const int Chunks = 2;

    /// <summary>Parts of a slice.</summary>
    internal const int Parts = Chunks * RowStream.Parts;

    /// <summary>output[t, n] = Σ_k x[t, k] · weight[n, k].</summary>
    /// <param name="x">f32; rows begin at multiples of 16 bytes.</param>
    /// <param name="weight">bf16; K is a multiple of 8, a slice of it two chunks at most, and its address a multiple of 16.</param>
    /// <param name="output">f32.</param>
    /// <param name="rows">T, at most 8.</param>
    /// <param name="inputs">K.</param>
    /// <param name="outputs">N, at least as many as groups, at most eight for each line of their warps.</param>
    /// <param name="xStride">Elements from a row to the next.</param>
    /// <param name="outputStride">Likewise.</param>
    [Kernel("linear_rows_whole", RowProducts.Threads, groups: "*", Unroll = true)]
    [Instance("slices2x", typeof(TwoSlices), typeof(SplitTerms))]
    [Instance("slices8x", typeof(EightSlices), typeof(SplitTerms))]
    [Instance("slices2x_rounded", typeof(TwoSlices), typeof(SingleTerm))]
    [Instance("slices8x_rounded", typeof(EightSlices), typeof(SingleTerm))]
    [Cuda("sm_80", SharedBytes = RowStream.GroupBytes, GroupsTogether = 2)]
    public static void Run<TSlices, TTerms>(
        [Shape("T", "K")] ArrayView<float> x,
        [Shape("N", "K")] ArrayView<ushort> weight,
        [Shape("T", "N")] ArrayView<float> output,
        [Extent("T")] int rows,
        [Extent("K")] int inputs,
        [Extent("N")] int outputs,
        [RowStride("x")] int xStride,
        [RowStride("output")] int outputStride)
        where TSlices : struct, ISlices
        where TTerms : struct, IActivationTerms
    {
        var terms = new uint[RowStream.PartBlocks * Eight];
        DependentLaunch.Allow();
        ArrayView<float> sums = SharedMemory.Allocate<float>(RowProducts.Warps * Eight * Eight);
        uint memory = CudaShared.Base(), write = RowStream.Write(memory), read = RowStream.Read(memory);
        int lane = Group.IdxX & 31, warp = Group.IdxX >> 5, line = warp / TSlices.Count * Eight;
        int first = RowStream.Begin(outputs, Grid.IdxX), count = RowStream.Begin(outputs, Grid.IdxX + 1) - first;
        int begin = RowProducts.Begin<TSlices>(inputs), blocks = RowProducts.End<TSlices>(inputs) - begin;
        long start = (long)Math.Min(first + line, outputs - 1) * inputs;
        for (int part = 0; part < Parts; part++)
        {
            Ask(write, part, weight, start, count - line, begin, blocks, inputs);
        }

        // Rows past the end repeat the last one and are not stored.
        long xRow = (long)Math.Min(lane >> 2, rows - 1) * xStride;
        Accumulators.Clear4(0);
        Accumulators.Clear4(4);
        DependentLaunch.Wait();
        for (int part = 0; part < Parts; part++)
        {
            for (int b = 0; b < RowStream.PartBlocks; b++)
            {
                int k = ((begin + (part * RowStream.PartBlocks) + b) * 32) + ((lane & 3) * Eight);
                bool inside = (part * RowStream.PartBlocks) + b < blocks && k < inputs;
                long at = xRow + (inside ? k : 0);
                RowProducts.Split<TTerms>(terms, b * Eight, WideAccess.Load(ref x[at]), WideAccess.Load(ref x[at + 4]), inside);
            }

            CopyAsync.Wait(Parts - 1 - part);
            Lanes.Together();
            for (int b = 0; b < RowStream.PartBlocks; b++)
            {
                RowStream.MultiplyEight<TTerms>(read, part, b, RowStream.Words(terms, b * Eight), RowStream.Words(terms, (b * Eight) + ((TTerms.Count - 1) * 4)));
            }
        }

        // A warp's sums: its outputs of row 0, then of row 1, ….
        int place = (warp * Eight * Eight) + ((lane & 3) * 2 * Eight) + (lane >> 2);
        sums[place] = Accumulators.Get(0) + Accumulators.Get(4);
        sums[place + Eight] = Accumulators.Get(1) + Accumulators.Get(5);
        Group.Barrier();
        Join<TSlices>(sums, output, rows, outputStride, first, count, Eight);
    }

    /// <summary>Asks for a part of the weights of a warp's outputs and slice; of a slice that is shorter nothing is read, rather than what another warp has.</summary>
    /// <param name="write">This lane's place, <see cref="RowStream.Write"/>.</param>
    /// <param name="part">The part, a constant.</param>
    /// <param name="weight">bf16.</param>
    /// <param name="start">Where the first output's weights begin.</param>
    /// <param name="count">Outputs that there are.</param>
    /// <param name="begin">The slice's first block.</param>
    /// <param name="blocks">Its blocks.</param>
    /// <param name="inputs">K.</param>
    internal static void Ask(uint write, int part, ArrayView<ushort> weight, long start, int count, int begin, int blocks, int inputs)
    {
        int block = part * RowStream.PartBlocks;
        RowStream.Bring(write, part / 2, part % 2 * Eight, Eight, weight, start, block < blocks ? count : 0, begin + block, inputs, isOnce: true);
        CopyAsync.Commit();
    }

    /// <summary>Adds the slices of each of a group's outputs, in their order.</summary>
    /// <param name="sums">What each warp has left: eight outputs of so many rows.</param>
    /// <param name="output">f32.</param>
    /// <param name="rows">T.</param>
    /// <param name="outputStride">Elements from a row to the next.</param>
    /// <param name="first">The group's first output.</param>
    /// <param name="count">How many it has.</param>
    /// <param name="warpRows">Rows that a warp has left.</param>
    internal static void Join<TSlices>(ArrayView<float> sums, ArrayView<float> output, int rows, int outputStride, int first, int count, int warpRows)
        where TSlices : struct, ISlices
    {
        if (Group.IdxX < count * rows)
        {
            int n = Group.IdxX % count, t = Group.IdxX / count, at = (n / Eight * TSlices.Count * warpRows * Eight) + (t * Eight) + (n % Eight);
            float sum = sums[at];
            for (int slice = 1; slice < TSlices.Count; slice++)
            {
                sum += sums[at + (slice * warpRows * Eight)];
            }

            output[((long)t * outputStride) + first + n] = sum;
        }
    }
}
