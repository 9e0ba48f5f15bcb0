using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>What two warps of <see cref="ExpertRowsRing"/> have the copy engine bring: one the weights, the other the rows.</summary>
public static class ExpertRowsCopies
{
    private const int Box = ExpertRowsShare.Box;
    private const int BoxBytes = ExpertRowsShare.BoxBytes;
    private const int WeightBytes = ExpertRowsShare.WeightBytes;

    /// <summary>
    /// Keeps the ring full of weights; one thread calls it. It asks for eight units' boxes at once: each request costs it some fifty cycles, and
    /// where every unit had requests of its own they came no faster than 2.5 TB/s.
    /// </summary>
    /// <param name="share">The group's.</param>
    /// <param name="step">Rows from an expert's first gate, or down, to the next one's.</param>
    /// <param name="upStep">Likewise of ups.</param>
    public static void BringWeights<TProduct, TTile>(ExpertRowsShare share, int step, int upStep)
        where TProduct : struct, IExpertProduct
        where TTile : struct, IRowTile
    {
        uint tiles = ExpertRowsShare.Tiles<TTile>(share.Memory);
        int stage = 0, parity = 1, unit = share.Begin;
        while (unit < share.End)
        {
            int tile = unit / share.Each, own = unit - (tile * share.Each), count = ExpertRowsShare.Count(share, unit, own), expert = ExpertRowsTiles.Expert(tiles, tile);
            int row = (expert * step) + (own * (TProduct.IsGateUp ? Box : 2 * Box)), upRow = (expert * upStep) + (own * Box);
            for (int block = 0; block < share.Blocks; block++)
            {
                uint at = share.Memory + (uint)(stage * WeightBytes), full = ExpertRowsShare.Full<TTile>(share.Memory, stage);
                int k = block * ExpertRowsShare.Depth;
                AsyncBarrier.Wait(ExpertRowsShare.Empty<TTile>(share.Memory, stage), parity);
                if (k >= share.Inputs)
                {
                    AsyncBarrier.Arrive(full);
                }
                else
                {
                    // Whole boxes count, whatever of them is outside of the tensor.
                    AsyncBarrier.ArriveExpecting(full, count * 2 * BoxBytes);
                    if (count == ExpertRowsShare.Units)
                    {
                        Whole<TProduct>(at, full, k, row, upRow);
                    }
                    else
                    {
                        for (int i = 0; i < count; i++)
                        {
                            Unit<TProduct>(at, full, i, k, row, upRow);
                        }
                    }
                }

                stage++;
                if (stage == ExpertRowsShare.Stages<TTile>())
                {
                    stage = 0;
                    parity ^= 1;
                }
            }

            unit += count;
        }
    }

    /// <summary>
    /// Keeps room full of the tiles' rows; a warp calls it, each lane has a row brought. A part's first block finds its stage free when every block of the part
    /// before the last has been multiplied, since there are no more than five stages: so that part's room is free, too.
    /// </summary>
    /// <param name="share">The group's.</param>
    /// <param name="x">f32; rows begin at multiples of 16 bytes.</param>
    /// <param name="rows">The row of each place, for gates and ups.</param>
    public static void BringRows<TProduct, TTile>(ExpertRowsShare share, ArrayView<float> x, ArrayView<int> rows)
        where TProduct : struct, IExpertProduct
        where TTile : struct, IRowTile
    {
        uint tiles = ExpertRowsShare.Tiles<TTile>(share.Memory), room = ExpertRowsShare.Rows<TTile>(share.Memory);
        int lane = Group.IdxX & 31, stage = 0, parity = 1, part = 0, unit = share.Begin;
        while (unit < share.End)
        {
            int tile = unit / share.Each, there = ExpertRowsTiles.Rows(tiles, tile);
            long from = 0;
            if (lane < there)
            {
                from = ExpertRowsTiles.Place(tiles, tile) + lane;
                if (TProduct.IsGateUp)
                {
                    from = rows[from];
                }

                from *= share.Inputs;
            }

            for (int block = 0; block < share.Blocks; block += ExpertRowsShare.PartBlocks)
            {
                uint came = ExpertRowsShare.Came<TTile>(share.Memory, part);
                int k = block * ExpertRowsShare.Depth, bytes = Math.Min(share.Inputs - k, ExpertRowsShare.PartBlocks * ExpertRowsShare.Depth) * 4;
                AsyncBarrier.Wait(ExpertRowsShare.Empty<TTile>(share.Memory, stage), parity);
                if (lane == 0)
                {
                    AsyncBarrier.ArriveExpecting(came, there * bytes);
                }

                Lanes.Together();
                if (lane < there)
                {
                    TensorCopy.LoadRun(
                        room + (uint)((part * TTile.Rows * ExpertRowsShare.EightBytes) + (lane * ExpertRowsShare.RowBytes)), ref x[from + k], bytes, came);
                }

                part ^= 1;
                stage += ExpertRowsShare.PartBlocks;
                if (stage >= ExpertRowsShare.Stages<TTile>())
                {
                    stage -= ExpertRowsShare.Stages<TTile>();
                    parity ^= 1;
                }
            }

            unit += ExpertRowsShare.Count(share, unit, unit - (tile * share.Each));
        }
    }

    // Gates of eight units, then their ups; of downs a unit after the other.
    private static void Whole<TProduct>(uint at, uint full, int k, int row, int upRow)
        where TProduct : struct, IExpertProduct
    {
        TensorCopy.Load(at, TensorCopy.Map(0), k, row, full);
        if (TProduct.IsGateUp)
        {
            TensorCopy.Load(at + (WeightBytes / 2), TensorCopy.Map(1), k, upRow, full);
        }
    }

    private static void Unit<TProduct>(uint at, uint full, int i, int k, int row, int upRow)
        where TProduct : struct, IExpertProduct
    {
        if (TProduct.IsGateUp)
        {
            TensorCopy.Load(at + (uint)(i * BoxBytes), TensorCopy.Map(2), k, row + (i * Box), full);
            TensorCopy.Load(at + (uint)((WeightBytes / 2) + (i * BoxBytes)), TensorCopy.Map(3), k, upRow + (i * Box), full);
        }
        else
        {
            TensorCopy.Load(at + (uint)(i * 2 * BoxBytes), TensorCopy.Map(1), k, row + (i * 2 * Box), full);
        }
    }
}
