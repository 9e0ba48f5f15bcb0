using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>Products of <see cref="RowStream"/> where all eight rows of a tile are the same one: its terms lie in shared memory, and a warp leaves the first row's sums.</summary>
public static class OneRow
{
    /// <summary>Terms of a block of 32 along k: four lanes' first ones, 16 bytes each, then their second ones.</summary>
    public const int BlockBytes = 128;

    private const int Side = 16;
    private const int Eight = 8;

    /// <summary>Waits for a part and multiplies it; then its place is free.</summary>
    /// <param name="read">Where this lane reads weights.</param>
    /// <param name="part">The part, a constant.</param>
    /// <param name="terms">Where this lane's first terms of the chunk's first block lie.</param>
    public static void Multiply<TTerms>(uint read, int part, uint terms)
        where TTerms : struct, IActivationTerms
    {
        RowStream.Ready();
        for (int b = 0; b < RowStream.PartBlocks; b++)
        {
            uint at = terms + (uint)(((part * RowStream.PartBlocks) + b) * BlockBytes);
            U4 high = CudaShared.Load4(at);
            RowStream.Multiply<TTerms>(read, part, b, high, TTerms.Count == 2 ? CudaShared.Load4(at + (BlockBytes / 2)) : high);
        }

        Lanes.Together();
    }

    /// <summary>Leaves this warp's sums of 16 outputs.</summary>
    /// <param name="sums">Where to.</param>
    /// <param name="place">Which sixteen there.</param>
    public static void Leave(ArrayView<float> sums, int place)
    {
        int lane = Group.IdxX & 31;
        if ((lane & 3) == 0)
        {
            int at = (place * Side) + (lane >> 2);
            sums[at] = Accumulators.Get(0) + Accumulators.Get(4);
            sums[at + Eight] = Accumulators.Get(2) + Accumulators.Get(6);
        }
    }

    /// <summary>Adds up the slices of an output, in their order.</summary>
    /// <param name="sums">What the warps left.</param>
    /// <param name="place">The first slice's sixteen.</param>
    /// <param name="output">The output among them.</param>
    public static float Sum<TSlices>(ArrayView<float> sums, int place, int output)
        where TSlices : struct, ISlices
    {
        int at = (place * Side) + output;
        float sum = sums[at];
        for (int slice = 1; slice < TSlices.Count; slice++)
        {
            sum += sums[at + (slice * Side)];
        }

        return sum;
    }
}
