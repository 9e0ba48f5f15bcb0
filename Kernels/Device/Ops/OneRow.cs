using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// Products of one row with eight outputs at a time, of few generated rows' experts. Their weights come into shared memory of a
/// warp's own, its slice of each output a chunk of 256 along k at a time: 512 bytes of memory at a stretch. The row's first
/// terms are one column of the tensor cores' product and its second ones the next, so both take one product; sums have the order
/// of <see cref="RowProducts"/>.
/// </summary>
public static class OneRow
{
    /// <summary>Terms of a block of 32 along k: four lanes' first ones, 16 bytes each, then their second ones.</summary>
    public const int BlockBytes = 128;

    /// <summary>Blocks of a chunk.</summary>
    public const int Blocks = 8;

    /// <summary>Outputs that are multiplied at a time.</summary>
    public const int Outputs = 8;

    /// <summary>Shared memory of a chunk of their weights.</summary>
    public const int ChunkBytes = Outputs * RowBytes;

    private const int RowBytes = Blocks * 64;
    private const int Eight = 8;

    /// <summary>Starts copying a chunk of some rows' weights; what lies beyond K becomes zero. <see cref="CopyAsync.Commit"/> must follow.</summary>
    /// <param name="place">Where the chunk's memory begins.</param>
    /// <param name="first">The first row's place among eight, even and a constant.</param>
    /// <param name="count">How many rows, a constant.</param>
    /// <param name="weight">bf16.</param>
    /// <param name="start">Where the first row begins, a multiple of 8.</param>
    /// <param name="block">The chunk's first block along k.</param>
    /// <param name="inputs">K.</param>
    public static void Bring(uint place, int first, int count, ArrayView<ushort> weight, long start, int block, int inputs)
    {
        int lane = Group.IdxX & 31, k = (block * 32) + (lane * Eight);
        bool inside = k < inputs;
        int bytes = inside ? 16 : 0;
        long at = start + (inside ? k : 0);
        uint even = place + (uint)((first * RowBytes) + (lane * 16)), odd = place + (uint)(first * RowBytes) + ((uint)(lane * 16) ^ 64);
        for (int i = 0; i < count; i++)
        {
            // Odd rows have their blocks in pairs exchanged, so that two rows' shares of a block lie in different banks.
            CopyAsync.Sixteen((i % 2 == 0 ? even : odd) + (uint)(i * RowBytes), ref weight[at], bytes);
            at += inputs;
        }
    }

    /// <summary>Where this lane reads its outputs' weights.</summary>
    /// <param name="place">Where the chunk's memory begins.</param>
    public static uint Read(uint place) => place + (uint)((((Group.IdxX & 31) >> 2) * RowBytes) + ((Group.IdxX & 3) * 16));

    /// <summary>Multiplies a block that has come: sum 0 of every fourth lane gets the first terms' products of output l / 4, sum 1 the second ones'.</summary>
    /// <param name="read">This lane's.</param>
    /// <param name="block">The block in the chunk, a constant.</param>
    /// <param name="terms">This lane's eight along k: first terms where l / 4 is even, second ones where it is odd.</param>
    public static void Multiply(uint read, int block, U4 terms)
    {
        uint odd = ((uint)Group.IdxX >> 2) & 1;
        U4 weights = CudaShared.Load4(read + (uint)(block / 2 * 128) + (((uint)(block % 2) ^ odd) * 64));
        WarpMatrix.Multiply(0, new U4 { X = weights.X, Y = 0, Z = weights.Y, W = 0 }, terms.X, terms.Y);
        WarpMatrix.Multiply(0, new U4 { X = weights.Z, Y = 0, Z = weights.W, W = 0 }, terms.Z, terms.W);
    }

    /// <summary>Leaves this warp's sums of eight outputs.</summary>
    /// <param name="sums">Where to.</param>
    /// <param name="place">Which eight there.</param>
    public static void Leave<TTerms>(ArrayView<float> sums, int place)
        where TTerms : struct, IActivationTerms
    {
        int lane = Group.IdxX & 31;
        if ((lane & 3) == 0)
        {
            sums[(place * Outputs) + (lane >> 2)] = TTerms.Count == 2 ? Accumulators.Get(0) + Accumulators.Get(1) : Accumulators.Get(0);
        }
    }

    /// <summary>Adds up the slices of an output, in their order.</summary>
    /// <param name="sums">What the warps left.</param>
    /// <param name="place">The first slice's eight.</param>
    /// <param name="output">The output among them.</param>
    public static float Sum<TSlices>(ArrayView<float> sums, int place, int output)
        where TSlices : struct, ISlices
    {
        int at = (place * Outputs) + output;
        float sum = sums[at];
        for (int slice = 1; slice < TSlices.Count; slice++)
        {
            sum += sums[at + (slice * Outputs)];
        }

        return sum;
    }
}
