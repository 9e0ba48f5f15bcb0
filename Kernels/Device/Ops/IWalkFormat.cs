using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>How <see cref="DeltaRuleWalk"/> takes a cell's values and leaves its outputs.</summary>
/// <typeparam name="TElement">The stored element.</typeparam>
public interface IWalkFormat<TElement> : IRowFormat<TElement> where TElement : unmanaged
{
    /// <summary>Starts a thread's copy of 16 bytes to shared memory, or of zeros; both addresses are multiples of 16.</summary>
    /// <param name="to">Where to.</param>
    /// <param name="rows">Where they lie.</param>
    /// <param name="at">The first.</param>
    /// <param name="row">Which row it is.</param>
    /// <param name="end">From which on there is nothing, and zeros stand for it.</param>
    static abstract void Copy(uint to, ArrayView<TElement> rows, long at, int row, int end);

    /// <summary>One number of a row in shared memory, as f32.</summary>
    /// <param name="word">Where the <see cref="Word"/> lies that holds it.</param>
    /// <param name="at">Which it is, or one an even number of places from it.</param>
    static abstract float LoadOne(uint word, int at);

    /// <summary>Bytes from a row's beginning to the word that holds a number.</summary>
    /// <param name="at">Which.</param>
    static abstract int Word(int at);

    /// <summary>Leaves a warp's 16 columns of a cell from the sums that the triangle's product left (<see cref="DeltaRuleWalk.OutputSum"/>).</summary>
    /// <param name="output">All rows.</param>
    /// <param name="row">Where the cell's first row has the head.</param>
    /// <param name="column">The lane's first column of it.</param>
    /// <param name="stride">Elements from row to row.</param>
    /// <param name="rows">Rows from the cell's first to the sequence's end.</param>
    /// <param name="lane">The lane.</param>
    static abstract void StoreCell(ArrayView<TElement> output, long row, int column, int stride, int rows, int lane);
}

/// <content>A cell's values and outputs.</content>
public partial struct F32Row : IWalkFormat<float>
{
    /// <inheritdoc/>
    public static void Copy(uint to, ArrayView<float> rows, long at, int row, int end) => CopyAsync.Sixteen(to, ref rows[at], row < end ? 16 : 0);

    /// <inheritdoc/>
    public static float LoadOne(uint word, int at) => SharedWords.Load(word);

    /// <inheritdoc/>
    public static int Word(int at) => at * 4;

    /// <inheritdoc/>
    public static void StoreCell(ArrayView<float> output, long row, int column, int stride, int rows, int lane)
    {
        long at = row + column;
        for (int i = 0; i < DeltaRuleWalk.OutputSums; i++)
        {
            int position = DeltaRuleWalk.Position(i, lane);
            if (position < rows)
            {
                output[at + (position * stride) + ((i & 2) * 4)] = Accumulators.Get(DeltaRuleWalk.OutputSum(i));
            }
        }
    }
}

/// <content>A cell's values and outputs.</content>
public partial struct BF16Row : IWalkFormat<ushort>
{
    /// <inheritdoc/>
    public static void Copy(uint to, ArrayView<ushort> rows, long at, int row, int end) => CopyAsync.Sixteen(to, ref rows[at], row < end ? 16 : 0);

    /// <inheritdoc/>
    public static float LoadOne(uint word, int at) => Interop.IntAsFloat((CudaShared.Load(word) << (16 - ((at & 1) * 16))) & 0xffff0000u);

    /// <inheritdoc/>
    public static int Word(int at) => at >> 1 << 2;

    /// <inheritdoc/>
    public static void StoreCell(ArrayView<ushort> output, long row, int column, int stride, int rows, int lane)
    {
        // A thread has two positions of each column: it gives one to the neighbouring column's thread and gets the other's, since a store of two bytes, and a branch
        // before each store, take longer than all else here. With f32 there are no registers for that: the assembler would have the products wait for each other.
        // Packing the pairs before the first store takes longer, too.
        bool isOdd = ((lane >> 2) & 1) != 0;
        int own = ((lane & 3) * 2) + (isOdd ? 1 : 0);
        long at = row + (column & ~1);
        var pairs = new float[DeltaRuleWalk.OutputSums];
        for (int i = 0; i < DeltaRuleWalk.OutputSums; i += 2)
        {
            float first = Accumulators.Get(DeltaRuleWalk.OutputSum(i)), second = Accumulators.Get(DeltaRuleWalk.OutputSum(i + 1));
            float other = Lanes.Xor(isOdd ? first : second, 4);
            pairs[i] = isOdd ? other : first;
            pairs[i + 1] = isOdd ? second : other;
        }

        at += own * stride;
        if (rows >= DeltaRuleLayout.Cell)
        {
            for (int i = 0; i < DeltaRuleWalk.OutputSums; i += 2)
            {
                WideAccess.Store(ref output[at + ((i >> 2) * 8 * stride) + ((i & 2) * 4)], BF16.Pack(pairs[i], pairs[i + 1]));
            }
        }
        else
        {
            for (int i = 0; i < DeltaRuleWalk.OutputSums; i += 2)
            {
                if (own + ((i >> 2) * 8) < rows)
                {
                    WideAccess.Store(ref output[at + ((i >> 2) * 8 * stride) + ((i & 2) * 4)], BF16.Pack(pairs[i], pairs[i + 1]));
                }
            }
        }
    }
}
