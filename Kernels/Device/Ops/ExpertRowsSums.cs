using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>What eight warps of <see cref="ExpertRowsRing"/> multiply and add up: each its unit of a piece, slice after slice as <see cref="LinearRowsMany"/>.</summary>
public static class ExpertRowsSums
{
    private const int Depth = ExpertRowsShare.Depth;
    private const int Box = ExpertRowsShare.Box;

    /// <summary>Multiplies a warp's unit of every piece of the group.</summary>
    /// <param name="share">The group's.</param>
    /// <param name="output">By place.</param>
    /// <param name="warp">Which of those that multiply.</param>
    /// <param name="outputs">From a place to the next.</param>
    /// <param name="slices">Slices of k.</param>
    public static void Multiply<TProduct, TTile, TTerms>(ExpertRowsShare share, ArrayView<float> output, int warp, int outputs, int slices)
        where TProduct : struct, IExpertProduct
        where TTile : struct, IRowTile
        where TTerms : struct, IActivationTerms
    {
        int lane = Group.IdxX & 31, stage = 0, parity = 0, part = 0, partParity = 0;
        int sliceBlocks = (share.Blocks + (slices * ExpertRowsShare.PartBlocks) - 1) / (slices * ExpertRowsShare.PartBlocks) * ExpertRowsShare.PartBlocks;

        // A lane has row l / 4 of each eight of weights, in the order 0, 4, 1, 5, …: chunks are swizzled within rows, and so eight
        // lanes read all banks.
        int quarter = lane & 3, weightRow = (((lane >> 2) & 1) * 4) + (lane >> 3);
        uint weights = share.Memory + (uint)((warp * (TProduct.IsGateUp ? 1 : 2) * ExpertRowsShare.BoxBytes) + (weightRow * 128) + ((quarter ^ weightRow) * 16));
        uint tiles = ExpertRowsShare.TileList<TTile>(share.Memory), own = ExpertRowsShare.Rows(share.Memory) + (uint)(((lane >> 2) * ExpertRowsShare.RowBytes) + (quarter * 32));
        var total = new float[TTile.Rows * 4];
        for (int number = Grid.IdxX; number < share.End; number += Grid.DimX)
        {
            for (int i = 0; i < TTile.Rows * 4; i++)
            {
                total[i] = 0;
            }

            for (int slice = 0; slice < slices; slice++)
            {
                for (int i = 0; i < TTile.Rows * 2; i++)
                {
                    Accumulators.Clear4(i * 4);
                }

                int sliceEnd = Math.Min((slice + 1) * sliceBlocks, share.Blocks);
                int block = slice * sliceBlocks;
                while (block < sliceEnd)
                {
                    // A loop that stays one: what it waits for comes between the rounds anyway.
                    int partEnd = Math.Min(block + ExpertRowsShare.PartBlocks, sliceEnd);
                    uint from = own + (uint)(part * TTile.Rows * ExpertRowsShare.EightBytes);
                    AsyncBarrier.Wait(ExpertRowsShare.Came<TTile>(share.Memory, part), partParity);
                    for (; block < partEnd; block++)
                    {
                        int k = block * Depth;
                        AsyncBarrier.Wait(ExpertRowsShare.Full<TTile>(share.Memory, stage), parity);
                        if (k < share.Inputs)
                        {
                            Add<TProduct, TTile, TTerms>(weights + (uint)(stage * ExpertRowsShare.WeightBytes), from, k + (quarter * 8), share.Inputs);
                        }

                        // Each lane for itself: an arrival orders the reads of the thread that arrives.
                        AsyncBarrier.Arrive(ExpertRowsShare.Empty<TTile>(share.Memory, stage));
                        from += Depth * 4;
                        stage++;
                        if (stage == ExpertRowsShare.Stages)
                        {
                            stage = 0;
                            parity ^= 1;
                        }
                    }

                    part++;
                    if (part == ExpertRowsShare.Parts)
                    {
                        part = 0;
                        partParity ^= 1;
                    }
                }

                for (int i = 0; i < TTile.Rows * 4; i++)
                {
                    int sum = (i / 4 * 8) + (i % 4);
                    float added = Accumulators.Get(sum) + Accumulators.Get(sum + 4);
                    total[i] = slice == 0 ? added : total[i] + added;
                }
            }

            // What a warp without a unit multiplied goes nowhere, and so does what stands for rows that do not exist.
            ExpertRowsPiece piece = ExpertRowsShare.Piece(share, number);
            int there = warp < piece.Count ? ExpertRowsTiles.Rows(tiles, piece.Tile) : 0, place = ExpertRowsTiles.Place(tiles, piece.Tile);
            int n = ((piece.First + warp) * (TProduct.IsGateUp ? Box : 2 * Box)) + weightRow;
            for (int i = 0; i < TTile.Rows * 2; i++)
            {
                int row = (i / 2 * 8) + (quarter * 2) + (i % 2), sum = (i / 2 * 4) + (i % 2);
                if (row < there)
                {
                    long at = ((long)(place + row) * outputs) + n;
                    if (TProduct.IsGateUp)
                    {
                        output[at] = GateMath.Silu(total[sum]) * total[sum + 2];
                    }
                    else
                    {
                        output[at] = total[sum];
                        if (n + Box < outputs)
                        {
                            output[at + Box] = total[sum + 2];
                        }
                    }
                }
            }
        }
    }

    // Two blocks of 32, as RowProducts multiplies them.
    private static void Add<TProduct, TTile, TTerms>(uint weights, uint rows, int k, int inputs)
        where TProduct : struct, IExpertProduct
        where TTile : struct, IRowTile
        where TTerms : struct, IActivationTerms
    {
        for (int b = 0; b < 2; b++)
        {
            uint at = b == 0 ? weights : weights ^ 64u;
            U4 upper = WideAccess.LoadShared(at);
            U4 lower = WideAccess.LoadShared(at + (uint)(TProduct.IsGateUp ? ExpertRowsShare.WeightBytes / 2 : ExpertRowsShare.BoxBytes));
            var left = new U4 { X = upper.X, Y = lower.X, Z = upper.Y, W = lower.Y };
            var right = new U4 { X = upper.Z, Y = lower.Z, Z = upper.W, W = lower.W };
            for (int t = 0; t < TTile.Rows; t++)
            {
                uint from = rows + (uint)((t * ExpertRowsShare.EightBytes) + (b * 128));
                var terms = new uint[8];
                RowProducts.Split<TTerms>(terms, 0, WideAccess.LoadShared(from), WideAccess.LoadShared(from + 16), k + (b * 32) < inputs);
                WarpMatrix.Multiply(t * 8, left, terms[0], terms[1]);
                if (TTerms.Count == 2)
                {
                    WarpMatrix.Multiply((t * 8) + 4, left, terms[4], terms[5]);
                }

                WarpMatrix.Multiply(t * 8, right, terms[2], terms[3]);
                if (TTerms.Count == 2)
                {
                    WarpMatrix.Multiply((t * 8) + 4, right, terms[6], terms[7]);
                }
            }
        }
    }
}
