using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>How numbers that an op leaves to the next lie in memory.</summary>
/// <typeparam name="TElement">The stored element.</typeparam>
public interface IRowFormat<TElement> where TElement : unmanaged
{
    /// <summary>Four neighbours, as f32.</summary>
    /// <param name="rows">Where they lie.</param>
    /// <param name="at">The first, a multiple of 4.</param>
    static abstract U4 Load(ArrayView<TElement> rows, long at);

    /// <summary>Four neighbours as they lie, for <see cref="Widen"/>: who asks ahead of time waits for them there and not before.</summary>
    /// <param name="rows">Where they lie.</param>
    /// <param name="at">The first, a multiple of 4.</param>
    static abstract U4 LoadBits(ArrayView<TElement> rows, long at);

    /// <summary>What <see cref="LoadBits"/> gave, as f32.</summary>
    static abstract U4 Widen(U4 bits);

    /// <summary>As <see cref="Load"/>, of what a kernel wrote that has ended before this one began, though this one has not waited for it (<see cref="WideAccess.Fresh4"/>).</summary>
    /// <param name="rows">Where they lie.</param>
    /// <param name="at">The first, a multiple of 4.</param>
    static abstract U4 Fresh(ArrayView<TElement> rows, long at);

    /// <summary>Leaves four neighbours.</summary>
    /// <param name="rows">Where to.</param>
    /// <param name="at">The first, a multiple of 4.</param>
    /// <param name="a">The first.</param>
    /// <param name="b">The second.</param>
    /// <param name="c">The third.</param>
    /// <param name="d">The fourth.</param>
    static abstract void Store(ArrayView<TElement> rows, long at, float a, float b, float c, float d);

    /// <summary>Four neighbours of a row in shared memory, as f32.</summary>
    /// <param name="row">Where it lies, a multiple of 16.</param>
    /// <param name="at">The first, a multiple of 4.</param>
    static abstract U4 LoadShared(uint row, int at);

    /// <summary>Has neighbours brought to shared memory; their bytes are a multiple of 16, and so are both addresses.</summary>
    /// <param name="to">Where to.</param>
    /// <param name="rows">Where they lie.</param>
    /// <param name="at">The first.</param>
    /// <param name="count">How many.</param>
    /// <param name="barrier">Counts them.</param>
    static abstract void Bring(uint to, ArrayView<TElement> rows, long at, int count, uint barrier);

    /// <summary>Whether numbers are rounded to bf16.</summary>
    static abstract bool IsRounded { get; }

    /// <summary>Bytes of a number.</summary>
    static abstract int Size { get; }
}

/// <summary>As they are.</summary>
public partial struct F32Row : IRowFormat<float>
{
    /// <inheritdoc/>
    public static bool IsRounded => false;

    /// <inheritdoc/>
    public static int Size => 4;

    /// <inheritdoc/>
    public static U4 LoadShared(uint row, int at) => CudaShared.Load4(row + (uint)(at * 4));

    /// <inheritdoc/>
    public static void Bring(uint to, ArrayView<float> rows, long at, int count, uint barrier) => TensorCopy.LoadRun(to, ref rows[at], count * 4, barrier);

    /// <inheritdoc/>
    public static U4 Load(ArrayView<float> rows, long at) => WideAccess.Load(ref rows[at]);

    /// <inheritdoc/>
    public static U4 LoadBits(ArrayView<float> rows, long at) => WideAccess.Load(ref rows[at]);

    /// <inheritdoc/>
    public static U4 Widen(U4 bits) => bits;

    /// <inheritdoc/>
    public static U4 Fresh(ArrayView<float> rows, long at) => WideAccess.Fresh4(ref rows[at]);

    /// <inheritdoc/>
    public static void Store(ArrayView<float> rows, long at, float a, float b, float c, float d) => WideAccess.Store(ref rows[at], a, b, c, d);
}

/// <summary>Rounded to bf16, half the bytes: some of a prompt's where activations are rounded.</summary>
public partial struct BF16Row : IRowFormat<ushort>
{
    /// <inheritdoc/>
    public static bool IsRounded => true;

    /// <inheritdoc/>
    public static int Size => 2;

    /// <inheritdoc/>
    public static U4 LoadShared(uint row, int at) => Of(CudaShared.Load2(row + (uint)(at * 2)));

    /// <inheritdoc/>
    public static void Bring(uint to, ArrayView<ushort> rows, long at, int count, uint barrier) => TensorCopy.LoadRun(to, ref rows[at], count * 2, barrier);

    /// <inheritdoc/>
    public static U4 Load(ArrayView<ushort> rows, long at) => Of(WideAccess.Load2(ref rows[at]));

    /// <inheritdoc/>
    public static U4 LoadBits(ArrayView<ushort> rows, long at)
    {
        long four = WideAccess.Load2(ref rows[at]);
        return new U4 { X = (uint)four, Y = (uint)(four >> 32) };
    }

    /// <inheritdoc/>
    public static U4 Widen(U4 bits) => new() { X = bits.X << 16, Y = bits.X & 0xffff0000u, Z = bits.Y << 16, W = bits.Y & 0xffff0000u };

    /// <inheritdoc/>
    public static U4 Fresh(ArrayView<ushort> rows, long at) => Of(WideAccess.Fresh2(ref rows[at]));

    /// <inheritdoc/>
    public static void Store(ArrayView<ushort> rows, long at, float a, float b, float c, float d) => WideAccess.Store2(ref rows[at], BF16.Pack(a, b), BF16.Pack(c, d));

    private static U4 Of(long four)
    {
        uint low = (uint)four, high = (uint)(four >> 32);
        return new U4 { X = low << 16, Y = low & 0xffff0000u, Z = high << 16, W = high & 0xffff0000u };
    }
}
