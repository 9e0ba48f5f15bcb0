using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// What leaves a warp group of <see cref="ExpertsWarpGroup"/>, whose threads have outputs by rows (<see cref="WarpGroup.Multiply256"/>), turned in boxes in shared memory:
/// whole ones go by the copy engine, those of fewer rows by threads, since behind them lie other experts' rows.
/// </summary>
internal static class ExpertsOutput
{
    /// <summary>Rows of a box, of 64 outputs.</summary>
    public const int BoxRows = 32;

    private const int BoxBytes = BoxRows * 128, Boxes = (ExpertTiles.Rows + BoxRows - 1) / BoxRows;

    // A thread's sums of a box: of each eight rows, two of an output and two of the eighth behind it.
    private const int BoxSums = BoxRows / 2, HalfSums = ExpertBlocks.HalfSums;

    /// <summary>silu(gate) · up of a tile, as terms.</summary>
    /// <param name="memory">Shared memory.</param>
    /// <param name="inner">Terms by place; a box of it is the kernel's third parameter.</param>
    /// <param name="place">Of the first row.</param>
    /// <param name="rows">The tile's.</param>
    /// <param name="column">The tile's first output.</param>
    /// <param name="group">1 or 2.</param>
    /// <param name="packed">Elements of a row of <paramref name="inner"/>.</param>
    /// <param name="width">Outputs that exist.</param>
    public static void Terms<TTerms>(uint memory, ArrayView<ushort> inner, int place, int rows, int column, int group, int packed, int width)
        where TTerms : struct, IActivationTerms
    {
        int half = packed / TTerms.Count, first = column + ((group - 1) * 64), output = first + OwnOutput();
        uint boxes = memory + ExpertBlocks.BoxesAt + (uint)((group - 1) * ExpertBlocks.BoxesBytes);
        var words = new uint[TTerms.Count * BoxSums / 2];
        for (int box = 0; box < Boxes; box++)
        {
            int left = Lanes.First(rows - (box * BoxRows)), turn = TTerms.Count == 1 ? (box & 1) * BoxBytes : 0;
            if (left > 0 && first < half)
            {
                for (int i = 0; i < BoxSums; i += 2)
                {
                    int sum = (box * BoxSums) + i;
                    if (sum < HalfSums)
                    {
                        // Up to a multiple of 64 follow the zeros that down needs. Sums stay as they are: the assembler would have products wait for who writes there.
                        bool exists = output + ((i & 2) * 4) < width;
                        float a = exists ? GateMath.Silu(Accumulators.Get(sum)) * Accumulators.Get(HalfSums + sum) : 0f;
                        float b = exists ? GateMath.Silu(Accumulators.Get(sum + 1)) * Accumulators.Get(HalfSums + sum + 1) : 0f;
                        uint pair = BF16.Pack(a, b);
                        words[i / 2] = pair;
                        if (TTerms.Count == 2)
                        {
                            // What the first term leaves out is exact in f32.
                            words[(BoxSums + i) / 2] = BF16.Pack(a - BF16.Low(pair), b - BF16.High(pair));
                        }
                    }
                }

                // One term's boxes lie in two places in turn, but no copy counts what threads take; where there are two, each has its own.
                if (TTerms.Count == 1 && left >= BoxRows && box > 0)
                {
                    Await(pending: 1);
                }
                else
                {
                    Await(pending: 0);
                }

                WarpGroup.Barrier(group);
                for (int term = 0; term < TTerms.Count; term++)
                {
                    Fill(boxes + (uint)(turn + (term * BoxBytes)), words, term * BoxSums / 2);
                }

                CudaShared.FenceForAsync();
                WarpGroup.Barrier(group);
                for (int term = 0; term < TTerms.Count; term++)
                {
                    uint at = boxes + (uint)(turn + (term * BoxBytes));
                    if (left >= BoxRows)
                    {
                        Send(at, TensorCopy.Map(2), first + (term * half), place + (box * BoxRows));
                    }
                    else
                    {
                        Leave(at, inner, place + (box * BoxRows), left, first + (term * half), packed);
                    }
                }
            }
        }
    }

    /// <summary>Sums of a tile.</summary>
    /// <param name="memory">Shared memory.</param>
    /// <param name="next">The next tile's place of the ring: boxes go through the last one of this tile too (<see cref="ExpertBlocks.Last"/>), which they leave free.</param>
    /// <param name="parts">Sums by place; a box of it is the kernel's fourth parameter.</param>
    /// <param name="place">Of the first row.</param>
    /// <param name="rows">The tile's.</param>
    /// <param name="column">The tile's first output.</param>
    /// <param name="group">1 or 2.</param>
    /// <param name="outputs">Elements of a row of <paramref name="parts"/>.</param>
    public static void Parts<TTerms>(uint memory, RingPlace next, ArrayView<float> parts, int place, int rows, int column, int group, int outputs)
        where TTerms : struct, IActivationTerms
    {
        uint boxes = memory + ExpertBlocks.BoxesAt + (uint)((group - 1) * ExpertBlocks.BoxesBytes);
        uint first = ExpertBlocks.Last<TTerms>(memory, next, group, 0), second = ExpertBlocks.Last<TTerms>(memory, next, group, 1);

        // Two boxes go at a time, from three places in turn: the copy engine has read what went three turns ago when at most the four boxes since are on their way.
        for (int i = 0; i < 2 * Boxes; i++)
        {
            int box = i >> 1, half = i & 1, left = Lanes.First(rows - (box * BoxRows)), from = column + (half * ExpertBlocks.WeightRows) + ((group - 1) * 64);
            uint at = i % 3 == 0 ? boxes : i % 3 == 1 ? first : second;
            if (left > 0 && from < outputs)
            {
                if (left >= BoxRows)
                {
                    Await(pending: 4);
                }
                else
                {
                    // No copy counts what threads take.
                    Await(pending: 0);
                }

                FillParts(at, (half * HalfSums) + (box * BoxSums), box, group);
                for (int j = 0; j < 2; j++)
                {
                    if (left >= BoxRows)
                    {
                        Send(at + (uint)(j * BoxBytes), TensorCopy.Map(3), from + (j * 32), place + (box * BoxRows));
                    }
                    else
                    {
                        LeaveParts(at + (uint)(j * BoxBytes), parts, place + (box * BoxRows), left, from + (j * 32), outputs);
                    }
                }
            }
        }

        Await(pending: 0);
        WarpGroup.Barrier(group);
    }

    /// <summary>Sums of a tile, rounded to bf16.</summary>
    /// <param name="memory">Shared memory.</param>
    /// <param name="parts">Sums by place; a box of it is the kernel's fourth parameter.</param>
    /// <param name="place">Of the first row.</param>
    /// <param name="rows">The tile's.</param>
    /// <param name="column">The tile's first output.</param>
    /// <param name="group">1 or 2.</param>
    /// <param name="outputs">Elements of a row of <paramref name="parts"/>, a multiple of 8.</param>
    public static void RoundedParts(uint memory, ArrayView<ushort> parts, int place, int rows, int column, int group, int outputs)
    {
        uint boxes = memory + ExpertBlocks.BoxesAt + (uint)((group - 1) * ExpertBlocks.BoxesBytes);
        var words = new uint[BoxSums / 2];
        bool hasSecond = column + ExpertBlocks.WeightRows + ((group - 1) * 64) < outputs;
        for (int i = 0; i < 2 * Boxes; i++)
        {
            int box = i >> 1, half = i & 1, left = Lanes.First(rows - (box * BoxRows)), from = column + (half * ExpertBlocks.WeightRows) + ((group - 1) * 64);
            if (left > 0 && from < outputs)
            {
                for (int j = 0; j < BoxSums; j += 2)
                {
                    int sum = (box * BoxSums) + j;
                    if (sum < HalfSums)
                    {
                        words[j / 2] = BF16.Pack(Accumulators.Get((half * HalfSums) + sum), Accumulators.Get((half * HalfSums) + sum + 1));
                    }
                }

                // Boxes lie in two places in turn, from the first on with each tile, but no copy counts what threads take.
                if (left >= BoxRows && i > 0)
                {
                    Await(pending: 1);
                }
                else
                {
                    Await(pending: 0);
                }

                uint at = boxes + (uint)((hasSecond ? half : box & 1) * BoxBytes);
                WarpGroup.Barrier(group);
                Fill(at, words, 0);
                CudaShared.FenceForAsync();
                WarpGroup.Barrier(group);
                if (left >= BoxRows)
                {
                    Send(at, TensorCopy.Map(3), from, place + (box * BoxRows));
                }
                else
                {
                    LeaveRounded(at, parts, place + (box * BoxRows), left, from, outputs);
                }
            }
        }
    }

    // The first of a thread's two outputs of 64.
    private static int OwnOutput() => ((Group.IdxX & 127) >> 5 << 4) + ((Group.IdxX & 31) >> 2);

    private static void Await(int pending)
    {
        if ((Group.IdxX & 127) == 0)
        {
            TensorCopy.WaitRead(pending);
        }
    }

    // A warp has sixteen of a box's outputs, of sixteen rows at a time.
    private static void Fill(uint at, uint[] words, int from)
    {
        int own = Group.IdxX & 127, lane = own & 31, chunk = (own >> 5 << 1) + ((lane >> 3) & 1);
        for (int i = 0; i < 2; i++)
        {
            int word = from + (i * 4);
            WarpMatrix.StoreTransposed(
                at + TileLayout.Wide((i * 16) + (lane & 7) + (lane >> 4 << 3), chunk), new U4 { X = words[word], Y = words[word + 1], Z = words[word + 2], W = words[word + 3] });
        }
    }

    // Two warps have a box's 32 outputs: eight of four rows at a time lie in all banks.
    private static void FillParts(uint at, int firstSum, int box, int group)
    {
        int own = Group.IdxX & 127, output = ((own >> 5 & 1) * 16) + ((own & 31) >> 2), row = (own & 3) * 2;
        at += (uint)((own >> 6) * BoxBytes);
        WarpGroup.Barrier(group);
        for (int i = 0; i < BoxSums; i++)
        {
            if ((box * BoxRows) + (i * 2) < ExpertTiles.Rows)
            {
                int across = output + ((i >> 1 & 1) * 8);
                CudaShared.Store(at + TileLayout.Wide(row + (i & 1), across >> 2) + (uint)((across & 3) * sizeof(float)) + (uint)((i >> 2) * 8 * 128), Interop.FloatAsInt(Accumulators.Get(firstSum + i)));
            }
        }

        CudaShared.FenceForAsync();
        WarpGroup.Barrier(group);
    }

    private static void Send(uint box, long map, int column, int row)
    {
        if ((Group.IdxX & 127) == 0)
        {
            TensorCopy.Store(box, map, column, row);
        }
    }

    private static void LeaveParts(uint box, ArrayView<float> parts, int place, int rows, int column, int outputs)
    {
        for (int i = 0; i < BoxRows * 8 / 128; i++)
        {
            int own = (Group.IdxX & 127) + (i * 128), row = own >> 3, from = column + ((own & 7) * 4);
            if (row < rows && from < outputs)
            {
                WideAccess.Store(ref parts[((long)(place + row) * outputs) + from], CudaShared.Load4(box + TileLayout.Wide(row, own & 7)));
            }
        }
    }

    private static void LeaveRounded(uint box, ArrayView<ushort> parts, int place, int rows, int column, int outputs)
    {
        for (int i = 0; i < BoxRows * 8 / 128; i++)
        {
            int own = (Group.IdxX & 127) + (i * 128), row = own >> 3, chunk = own & 7, from = column + (chunk * 8);
            if (row < rows && from < outputs)
            {
                WideAccess.Store(ref parts[((long)(place + row) * outputs) + from], CudaShared.Load4(box + TileLayout.Wide(row, chunk)));
            }
        }
    }

    // Rows of a box that belong to the tile, by threads: the copy engine would write the rows behind them too.
    private static void Leave(uint box, ArrayView<ushort> inner, int place, int rows, int column, int packed)
    {
        for (int i = 0; i < BoxRows * 8 / 128; i++)
        {
            int own = (Group.IdxX & 127) + (i * 128), row = own >> 3, chunk = own & 7;
            if (row < rows)
            {
                WideAccess.Store(ref inner[((long)(place + row) * packed) + column + (chunk * 8)], CudaShared.Load4(box + TileLayout.Wide(row, chunk)));
            }
        }
    }
}
