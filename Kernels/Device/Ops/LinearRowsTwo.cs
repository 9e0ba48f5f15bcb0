using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// <see cref="LinearRowsWhole"/> for one generated row or two, on Hopper, to the bit. A warp makes the terms of its slice once, not once for each
/// eight lanes; all that it reads of the rows is on its way at a time, and first and second terms are columns of one product.
/// <para>
/// A group has a multiprocessor's outputs, and leaves room for one of <see cref="RouterRows.Few"/>, the launch behind it, whose weights come meanwhile. Two parts
/// of the weights are on their way at a time: the kernels before this one end only when what they and this one have asked for has come.
/// </para>
/// </summary>
public static class LinearRowsTwo
{
    /// <summary>The most rows.</summary>
    public const int Rows = 2;

    private const int Warps = 16;
    private const int Parts = LinearRowsWhole.Parts;
    private const int Together = 2;
    private const int Block = 32;
    private const int Eight = 8;

    // A lane loads four numbers of each part of a row; a warp has the terms of one part.
    private const int Four = 4;
    private const int RowTermBytes = RowStream.PartBlocks * OneRow.BlockBytes;
    private const int TermBytes = Rows * RowTermBytes;

    /// <summary>output[t, n] = Σ_k x[t, k] · weight[n, k].</summary>
    /// <param name="x">f32; rows begin at multiples of 16 bytes.</param>
    /// <param name="weight">bf16; K is a multiple of 8, a slice of it two chunks at most, and its address a multiple of 16.</param>
    /// <param name="output">f32.</param>
    /// <param name="rows">T, at most <see cref="Rows"/>.</param>
    /// <param name="inputs">K.</param>
    /// <param name="outputs">N, at least as many as groups, at most eight for each line of their sixteen warps.</param>
    /// <param name="xStride">Elements from a row to the next.</param>
    /// <param name="outputStride">Likewise.</param>
    [Kernel("linear_rows_two", Warps * 32, groups: "*", Unroll = true)]
    [Instance("slices2x", typeof(TwoSlices), typeof(SplitTerms))]
    [Instance("slices8x", typeof(EightSlices), typeof(SplitTerms))]
    [Instance("slices2x_rounded", typeof(TwoSlices), typeof(SingleTerm))]
    [Instance("slices8x_rounded", typeof(EightSlices), typeof(SingleTerm))]
    [Cuda("sm_90a", SharedBytes = Warps * (RowStream.WarpBytes + TermBytes), KeepsRoom = true)]
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
        var numbers = new U4[Rows * Parts];
        DependentLaunch.Allow();
        ArrayView<float> sums = SharedMemory.Allocate<float>(Warps * Rows * Eight);
        uint memory = CudaShared.Base(), write = RowStream.Write(memory), read = RowStream.Read(memory);
        int lane = Group.IdxX & 31, warp = Group.IdxX >> 5, line = warp / TSlices.Count * Eight;
        int first = RowStream.Begin(outputs, Grid.IdxX), count = RowStream.Begin(outputs, Grid.IdxX + 1) - first;
        int begin = RowProducts.Begin<TSlices>(inputs), blocks = RowProducts.End<TSlices>(inputs) - begin;
        long start = (long)Math.Min(first + line, outputs - 1) * inputs;
        for (int part = 0; part < Parts; part++)
        {
            if (part >= Together)
            {
                CopyAsync.Wait(Together - 1);
            }

            LinearRowsWhole.Ask(write, part, weight, start, count - line, begin, blocks, inputs);
        }

        uint terms = memory + (Warps * RowStream.WarpBytes) + (uint)(warp * TermBytes);
        Accumulators.Clear4(0);
        DependentLaunch.Wait();
        for (int part = 0; part < Parts; part++)
        {
            for (int t = 0; t < Rows; t++)
            {
                int k = ((begin + (part * RowStream.PartBlocks)) * Block) + (lane * Four);
                numbers[(part * Rows) + t] = WideAccess.Load(ref x[((long)Math.Min(t, rows - 1) * xStride) + Math.Min(k, inputs - Four)]);
            }
        }

        // Columns past the end repeat the last row's, and nobody reads their sums.
        uint to = terms + (uint)((lane / 8 * OneRow.BlockBytes) + (lane % 8 * 8));
        uint from = terms + (uint)((Math.Min(lane >> (TTerms.Count + 1), rows - 1) * RowTermBytes) + (((lane >> 2) & (TTerms.Count - 1)) * (OneRow.BlockBytes / 2)) + ((lane & 3) * 16));
        for (int part = 0; part < Parts; part++)
        {
            int own = (part * RowStream.PartBlocks * Block) + (lane * Four);
            uint inside = Select.IfLess(own, blocks * Block, Select.IfLess((begin * Block) + own, inputs, ~0u, 0u), 0u);
            Lanes.Together();
            Leave<TTerms>(to, numbers[part * Rows], inside);
            if (rows > 1)
            {
                Leave<TTerms>(to + RowTermBytes, numbers[(part * Rows) + 1], inside);
            }

            CopyAsync.Wait(Parts - 1 - part);
            Lanes.Together();
            for (int b = 0; b < RowStream.PartBlocks; b++)
            {
                RowStream.MultiplyEightTerms(read, part, b, CudaShared.Load4(from + (uint)(b * OneRow.BlockBytes)));
            }
        }

        // A warp's sums: its outputs of row 0, then of row 1.
        int row = (lane & 3) * (3 - TTerms.Count), place = (warp * Rows * Eight) + (row * Eight) + (lane >> 2);
        if (row < Rows)
        {
            // Of one term the other kernels add none, which leaves no -0; an ordinary + 0 would be left out.
            sums[place] = TTerms.Count == 2 ? Accumulators.Get(0) + Accumulators.Get(1) : Scalar.Add(Accumulators.Get(0), 0f);
            if (TTerms.Count == 1)
            {
                sums[place + Eight] = Scalar.Add(Accumulators.Get(1), 0f);
            }
        }

        Group.Barrier();
        LinearRowsWhole.Join<TSlices>(sums, output, rows, outputStride, first, count, Rows);
    }

    // Terms of four neighbours, or of zeros: beyond K and beyond the slice weights are zeros, and zeros must meet them.
    private static void Leave<TTerms>(uint to, U4 four, uint inside)
        where TTerms : struct, IActivationTerms
    {
        float a = Interop.IntAsFloat(four.X & inside), b = Interop.IntAsFloat(four.Y & inside), c = Interop.IntAsFloat(four.Z & inside), d = Interop.IntAsFloat(four.W & inside);
        uint first = BF16.Pack(a, b), second = BF16.Pack(c, d);
        CudaShared.Store2(to, first, second);
        if (TTerms.Count == 2)
        {
            CudaShared.Store2(to + (OneRow.BlockBytes / 2), BF16.Pack(a - BF16.Low(first), b - BF16.High(first)), BF16.Pack(c - BF16.Low(second), d - BF16.High(second)));
        }
    }
}
