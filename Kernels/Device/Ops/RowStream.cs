using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// The weights of few generated rows on their way to the products of <see cref="RowProducts"/>: each warp copies its slice of
/// 16 outputs' weights into shared memory of its own, 128 along k at a time, twice that ahead. It waits for nobody but memory,
/// and as much is on its way from the first instruction to the last: groups stay for all their outputs, and what comes next,
/// of the next outputs too, is asked for as soon as there is room. A copy takes 256 bytes of a row: less at a time, and memory
/// opens its pages too often.
/// </summary>
public static class RowStream
{
    /// <summary>Blocks along k that are on their way.</summary>
    public const int Depth = Parts * PartBlocks;

    /// <summary>The parts that the blocks come in.</summary>
    public const int Parts = 2;

    /// <summary>Blocks of a part.</summary>
    public const int PartBlocks = 4;

    /// <summary>Shared memory of a warp.</summary>
    public const int WarpBytes = Parts * PartBytes;

    /// <summary>Shared memory of a group's warps.</summary>
    public const int GroupBytes = RowProducts.Warps * WarpBytes;

    private const int RowBytes = PartBlocks * Block * 2;
    private const int PartBytes = 16 * RowBytes;
    private const int Block = 32;
    private const int Eight = 8;

    /// <summary>Where this lane writes: 16 bytes of every second row, those of odd rows with their blocks in pairs exchanged.</summary>
    /// <param name="memory">Where all warps' places begin.</param>
    public static uint Write(uint memory)
    {
        int odd = (Group.IdxX >> 4) & 1;
        return memory + (uint)(((Group.IdxX >> 5) * WarpBytes) + (odd * RowBytes) + (((Group.IdxX & 15) ^ (odd * 4)) * 16));
    }

    /// <summary>Where this lane reads the first block of rows l / 4 and l / 4 + 8, were it not exchanged.</summary>
    /// <param name="memory">Where all warps' places begin.</param>
    public static uint Read(uint memory) =>
        memory + (uint)(((Group.IdxX >> 5) * WarpBytes) + (((Group.IdxX & 31) >> 2) * RowBytes) + ((Group.IdxX & 3) * 16));

    /// <summary>Starts copying some rows' weights of a part; what is not read becomes zero. <see cref="CopyAsync.Commit"/> must follow.</summary>
    /// <param name="write">This lane's.</param>
    /// <param name="part">The part, a constant.</param>
    /// <param name="first">The first row's place among sixteen, even and a constant.</param>
    /// <param name="most">How many rows, even and a constant.</param>
    /// <param name="weight">bf16.</param>
    /// <param name="start">Where the first row begins, a multiple of 8.</param>
    /// <param name="count">Rows that there are.</param>
    /// <param name="block">The part's first block of 32 along k.</param>
    /// <param name="inputs">K.</param>
    /// <param name="isOnce">Whether no other group reads them, so that L2 may forget them first.</param>
    public static void Bring(uint write, int part, int first, int most, ArrayView<ushort> weight, long start, int count, int block, int inputs, bool isOnce = false)
    {
        int k = (block * Block) + ((Group.IdxX & 15) * Eight), odd = (Group.IdxX >> 4) & 1, rows = Select.IfLess(k, inputs, count, 0);
        if (isOnce)
        {
            for (int i = 0; i < most; i += 2)
            {
                int row = i + odd;
                CopyAsync.SixteenOnce(
                    write + (uint)((part * PartBytes) + ((first + i) * RowBytes)), ref weight[start + Select.IfLess(row, rows, (row * inputs) + k, 0)], Select.IfLess(row, rows, 16, 0));
            }
        }
        else
        {
            for (int i = 0; i < most; i += 2)
            {
                int row = i + odd;
                CopyAsync.Sixteen(
                    write + (uint)((part * PartBytes) + ((first + i) * RowBytes)), ref weight[start + Select.IfLess(row, rows, (row * inputs) + k, 0)], Select.IfLess(row, rows, 16, 0));
            }
        }
    }

    /// <summary>Waits for the older part, for all lanes.</summary>
    public static void Ready()
    {
        CopyAsync.Wait(Parts - 1);
        Lanes.Together();
    }

    /// <summary>
    /// Multiplies a block that has come: four sums get the first terms' products, the next four the second ones', of outputs l / 4 and
    /// l / 4 + 8.
    /// </summary>
    /// <param name="sum">The first of the eight, a constant.</param>
    /// <param name="read">This lane's.</param>
    /// <param name="part">The part, a constant.</param>
    /// <param name="block">The block in it, a constant.</param>
    /// <param name="high">The first terms of this lane's eight along k.</param>
    /// <param name="low">The second ones, where there are any.</param>
    public static void Multiply<TTerms>(int sum, uint read, int part, int block, U4 high, U4 low)
        where TTerms : struct, IActivationTerms
    {
        uint odd = ((uint)Group.IdxX >> 2) & 1;
        uint at = read + (uint)((part * PartBytes) + (block / 2 * 128)) + (((uint)(block % 2) ^ odd) * 64);
        U4 upper = WideAccess.LoadShared(at), lower = WideAccess.LoadShared(at + (Eight * RowBytes));
        var left = new U4 { X = upper.X, Y = lower.X, Z = upper.Y, W = lower.Y };
        WarpMatrix.Multiply(sum, left, high.X, high.Y);
        if (TTerms.Count == 2)
        {
            WarpMatrix.Multiply(sum + 4, left, low.X, low.Y);
        }

        left = new U4 { X = upper.Z, Y = lower.Z, Z = upper.W, W = lower.W };
        WarpMatrix.Multiply(sum, left, high.Z, high.W);
        if (TTerms.Count == 2)
        {
            WarpMatrix.Multiply(sum + 4, left, low.Z, low.W);
        }
    }

    /// <summary>Multiplies a block that has come, where first and second terms are columns of one product, and come as <see cref="OneRow.Multiply"/> has them.</summary>
    /// <param name="sum">The first of four sums, a constant: outputs l / 4 and l / 4 + 8, two columns of each.</param>
    /// <param name="read">This lane's.</param>
    /// <param name="part">The part, a constant.</param>
    /// <param name="block">The block in it, a constant.</param>
    /// <param name="terms">This lane's eight along k of its column.</param>
    public static void MultiplyTerms(int sum, uint read, int part, int block, U4 terms)
    {
        uint odd = ((uint)Group.IdxX >> 2) & 1;
        uint at = read + (uint)((part * PartBytes) + (block / 2 * 128)) + (((uint)(block % 2) ^ odd) * 64);
        U4 upper = WideAccess.LoadShared(at), lower = WideAccess.LoadShared(at + (Eight * RowBytes));
        WarpMatrix.Multiply(sum, new U4 { X = upper.X, Y = lower.X, Z = upper.Y, W = lower.Y }, terms.X, terms.Y);
        WarpMatrix.Multiply(sum, new U4 { X = upper.Z, Y = lower.Z, Z = upper.W, W = lower.W }, terms.Z, terms.W);
    }

    /// <summary>
    /// As <see cref="Multiply"/> where a place holds eight outputs of one part, then the same ones' of the next: sums 0, 1, 4 and 5
    /// get the products of output l / 4.
    /// </summary>
    /// <param name="read">This lane's.</param>
    /// <param name="eight">Which eight rows of all places, a constant.</param>
    /// <param name="block">The block in them, a constant.</param>
    /// <param name="high">The first terms of this lane's eight along k.</param>
    /// <param name="low">The second ones, where there are any.</param>
    public static void MultiplyEight<TTerms>(uint read, int eight, int block, U4 high, U4 low)
        where TTerms : struct, IActivationTerms
    {
        uint odd = ((uint)Group.IdxX >> 2) & 1;
        U4 upper = WideAccess.LoadShared(read + (uint)((eight * Eight * RowBytes) + (block / 2 * 128)) + (((uint)(block % 2) ^ odd) * 64));
        var left = new U4 { X = upper.X, Y = 0, Z = upper.Y, W = 0 };
        WarpMatrix.Multiply(0, left, high.X, high.Y);
        if (TTerms.Count == 2)
        {
            WarpMatrix.Multiply(4, left, low.X, low.Y);
        }

        left = new U4 { X = upper.Z, Y = 0, Z = upper.W, W = 0 };
        WarpMatrix.Multiply(0, left, high.Z, high.W);
        if (TTerms.Count == 2)
        {
            WarpMatrix.Multiply(4, left, low.Z, low.W);
        }
    }

    /// <summary>The same where first and second terms are columns of one product, as <see cref="MultiplyTerms"/> has them: sums 0 and 1 get those of output l / 4.</summary>
    /// <param name="read">This lane's.</param>
    /// <param name="eight">Which eight rows of all places, a constant.</param>
    /// <param name="block">The block in them, a constant.</param>
    /// <param name="terms">This lane's eight along k of its column.</param>
    public static void MultiplyEightTerms(uint read, int eight, int block, U4 terms)
    {
        uint odd = ((uint)Group.IdxX >> 2) & 1;
        U4 upper = WideAccess.LoadShared(read + (uint)((eight * Eight * RowBytes) + (block / 2 * 128)) + (((uint)(block % 2) ^ odd) * 64));
        WarpMatrix.Multiply(0, new U4 { X = upper.X, Y = 0, Z = upper.Y, W = 0 }, terms.X, terms.Y);
        WarpMatrix.Multiply(0, new U4 { X = upper.Z, Y = 0, Z = upper.W, W = 0 }, terms.Z, terms.W);
    }

    /// <summary>Four words.</summary>
    public static U4 Words(uint[] words, int at) => new() { X = words[at], Y = words[at + 1], Z = words[at + 2], W = words[at + 3] };

    /// <summary>Where a group's part of so many begins: parts are as even as can be.</summary>
    public static int Begin(int all, int group) => Begin(all, group, Grid.DimX);

    /// <summary>The same of so many groups.</summary>
    public static int Begin(int all, int group, int groups)
    {
        // Without a remainder: groups that begin when others end are waited for.
        int each = all / groups;
        return (group * each) + Math.Min(group, all - (each * groups));
    }
}
