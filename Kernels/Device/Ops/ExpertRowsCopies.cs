using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>What two warps of <see cref="ExpertRowsRing"/> have the copy engine bring: one the weights, the other the rows.</summary>
public static class ExpertRowsCopies
{
    private const int Box = ExpertRowsShare.Box;
    private const int WeightBytes = ExpertRowsShare.WeightBytes;

    /// <summary>
    /// Keeps the ring full of weights; one thread calls it. It asks for eight units' boxes at once: each request costs it some fifty cycles, and
    /// where every unit had requests of its own they came no faster than 2.5 TB/s. At a tile's end they reach beyond it: what comes from there goes nowhere.
    /// L2 may forget downs first that no other tile reads; where it may forget gates and ups, too, both launches of a step take longer.
    /// </summary>
    /// <param name="share">The group's.</param>
    /// <param name="step">Rows from an expert's first gate, or down, to the next one's.</param>
    /// <param name="upStep">Likewise of ups.</param>
    public static void BringWeights<TProduct, TTile>(ExpertRowsShare share, int step, int upStep)
        where TProduct : struct, IExpertProduct
        where TTile : struct, IRowTile
    {
        uint tiles = ExpertRowsShare.TileList<TTile>(share.Memory);
        int stage = 0, parity = 1;
        for (int number = Grid.IdxX; number < share.End; number += Grid.DimX)
        {
            ExpertRowsPiece piece = ExpertRowsShare.Piece(share, number);
            int expert = ExpertRowsTiles.Expert(tiles, piece.Tile);
            bool isShared = expert == share.Experts, isOnce = !TProduct.IsGateUp && ExpertRowsTiles.IsAlone<TTile>(tiles, piece.Tile);
            int row = ((isShared ? 0 : expert) * step) + (piece.First * (TProduct.IsGateUp ? Box : 2 * Box)), upRow = ((isShared ? 0 : expert) * upStep) + (piece.First * Box);
            long map = isShared ? TensorCopy.Map(TProduct.IsGateUp ? 2 : 1) : TensorCopy.Map(0), upMap = isShared ? TensorCopy.Map(TProduct.IsGateUp ? 3 : 1) : TensorCopy.Map(TProduct.IsGateUp ? 1 : 0);
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
                    // Whole boxes count, whatever of them is outside of the tensor. Gates of eight units, then their ups; of downs a unit after the other.
                    AsyncBarrier.ArriveExpecting(full, WeightBytes);
                    WeightCopy.Load(at, map, k, row, full, isOnce);
                    if (TProduct.IsGateUp)
                    {
                        TensorCopy.Load(at + (WeightBytes / 2), upMap, k, upRow, full);
                    }
                }

                stage++;
                if (stage == ExpertRowsShare.Stages)
                {
                    stage = 0;
                    parity ^= 1;
                }
            }
        }
    }

    /// <summary>
    /// Keeps room full of the tiles' rows; a warp calls it, each lane has a row brought. A part's first block finds its stage free when the fifth block before it has been
    /// multiplied, the last of the second part before: the room of the third part before has been free for four blocks.
    /// </summary>
    /// <param name="share">The group's.</param>
    /// <param name="x">f32; rows begin at multiples of 16 bytes.</param>
    public static void BringRows<TProduct, TTile>(ExpertRowsShare share, ArrayView<float> x)
        where TProduct : struct, IExpertProduct
        where TTile : struct, IRowTile
    {
        uint tiles = ExpertRowsShare.TileList<TTile>(share.Memory), room = ExpertRowsShare.Rows(share.Memory);
        int lane = Group.IdxX & 31, stage = 0, parity = 1, part = 0;
        for (int number = Grid.IdxX; number < share.End; number += Grid.DimX)
        {
            ExpertRowsPiece piece = ExpertRowsShare.Piece(share, number);
            int there = ExpertRowsTiles.Rows(tiles, piece.Tile);
            int row = TProduct.IsGateUp
                ? ExpertRowsChoice.Row(
                    ExpertRowsShare.Choice<TTile>(share.Memory), ExpertRowsTiles.Expert(tiles, piece.Tile), ExpertRowsTiles.Before(tiles, piece.Tile), there, share)
                : ExpertRowsTiles.Place(tiles, piece.Tile) + lane;
            long from = (long)row * share.Inputs;
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
                    TensorCopy.LoadRunKept(
                        room + (uint)((part * TTile.Rows * ExpertRowsShare.EightBytes) + (lane * ExpertRowsShare.RowBytes)), ref x[from + k], bytes, came);
                }

                part = part == ExpertRowsShare.Parts - 1 ? 0 : part + 1;
                stage += ExpertRowsShare.PartBlocks;
                if (stage >= ExpertRowsShare.Stages)
                {
                    stage -= ExpertRowsShare.Stages;
                    parity ^= 1;
                }
            }
        }
    }
}
