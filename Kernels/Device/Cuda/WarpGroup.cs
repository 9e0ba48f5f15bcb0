using ILGPU.IR.Intrinsics;

namespace Lean.Kernels.Device;

/// <summary>
/// What four warps do together: products of tiles in shared memory, of which the left one may be in registers (PTX ISA, "Asynchronous Warpgroup Level Matrix
/// Instructions"), and moving registers between warp groups; sm_90a alone.
/// </summary>
[CudaInstructions]
public static class WarpGroup
{
    // A block of 64 along k is four products of 16: each begins 32 bytes further on, 2 in a descriptor. Only the first may
    // overwrite the sums, by a predicate: a branch would make the assembler wait.
    private const string Open = "{ .reg .pred first, always; .reg .b64 a, b; setp.ne.b32 first, #2, 0; setp.eq.u32 always, 0, 0; ";
    private const string Next2 = "add.s64 a, #0, 2; add.s64 b, #1, 2; ";
    private const string Next4 = "add.s64 a, #0, 4; add.s64 b, #1, 4; ";
    private const string Next6 = "add.s64 a, #0, 6; add.s64 b, #1, 6; ";
    private const string First = ", #0, #1, first, 1, 1, 0, 0; ", More = ", a, b, always, 1, 1, 0, 0; ";
    private const string By256 = "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 {acc0..127}";
    private const string By128 = "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {acc0..63}";
    private const string By136 = "wgmma.mma_async.sync.aligned.m64n136k16.f32.bf16.bf16 {acc0..67}";

    /// <summary>
    /// The fixed part of a descriptor (PTX ISA, "Matrix Descriptor"): 128-byte swizzle, 1,024 bytes from eight rows to the next
    /// eight. The tile's shared address divided by 16 completes it.
    /// </summary>
    public const long Descriptor = (1L << 62) | (64L << 32) | (1L << 16);

    /// <summary>Orders earlier accesses to the sums before the next products (PTX ISA, "wgmma.fence").</summary>
    [IntrinsicImplementation]
    [Ptx("wgmma.fence.sync.aligned;")]
    public static void Fence()
    {
    }

    /// <summary>
    /// acc[0…127] = a · bᵀ of bf16 [64, 64] and [256, 64] (PTX ISA, "wgmma.mma_async"), added to the old sums where
    /// <paramref name="accumulate"/> is not 0. The sums 4n … 4n + 3 of thread t are columns 8n + 2·(t &amp; 3) and the next of row
    /// 16·(t / 32) + t % 32 / 4, then of the row 8 below.
    /// </summary>
    [IntrinsicImplementation]
    [Ptx(Open + By256 + First + Next2 + By256 + More + Next4 + By256 + More + Next6 + By256 + More + "}")]
    public static void Multiply256(long a, long b, int accumulate)
    {
    }

    /// <summary>acc[0…63] likewise, of [64, 64] and [128, 64].</summary>
    [IntrinsicImplementation]
    [Ptx(Open + By128 + First + Next2 + By128 + More + Next4 + By128 + More + Next6 + By128 + More + "}")]
    public static void Multiply128(long a, long b, int accumulate)
    {
    }

    /// <summary>acc[0…67] likewise, of [64, 64] and [136, 64].</summary>
    [IntrinsicImplementation]
    [Ptx(Open + By136 + First + Next2 + By136 + More + Next4 + By136 + More + Next6 + By136 + More + "}")]
    public static void Multiply136(long a, long b, int accumulate)
    {
    }

    /// <summary>
    /// The fixed part of the descriptor of a tile of matrices of 8 × 8 bf16, 128 bytes in one piece each, without a swizzle
    /// (PTX ISA, "Matrix Descriptor" and "Leading and stride dimension byte offset").
    /// </summary>
    /// <param name="alongK">Bytes from a matrix to the next along k.</param>
    /// <param name="across">Bytes to the next across: rows of b.</param>
    public static long Pieces(int alongK, int across) => ((long)(across >> 4) << 32) | ((long)(alongK >> 4) << 16);

    /// <summary>
    /// acc[first … ] = a · bᵀ of 16 of k, bf16 [64, 16] and [columns, 16], added to the old sums where
    /// <paramref name="accumulate"/> is not 0: columns/2 sums of a thread, in the order of <see cref="Multiply256"/>. The left side is in
    /// registers, as <see cref="WarpMatrix.Multiply"/> takes it for the sixteen rows of each warp; nobody may write to those until the product
    /// has been waited for.
    /// </summary>
    /// <param name="first">A constant.</param>
    /// <param name="columns">A constant, a multiple of 8.</param>
    /// <param name="a">The left side.</param>
    /// <param name="b">A descriptor.</param>
    /// <param name="byColumns">A constant: 0 where a matrix of b holds rows of 8 of k, 1 where it holds, for each k, 8 rows.</param>
    /// <param name="accumulate">0 or not.</param>
    public static void Multiply(int first, int columns, U4 a, long b, int byColumns, int accumulate) =>
        Multiply(first, first + (columns / 2) - 1, columns, a, b, byColumns, accumulate);

    /// <summary>The same; <paramref name="last"/> is the last sum.</summary>
    [IntrinsicImplementation]
    [Ptx("{ .reg .pred more; setp.ne.b32 more, #9, 0; wgmma.mma_async.sync.aligned.m64n@2k16.f32.bf16.bf16 {acc@0..@1}, {#3, #4, #5, #6}, #7, more, 1, 1, @8; }")]
    public static void Multiply(int first, int last, int columns, U4 a, long b, int byColumns, int accumulate)
    {
    }

    /// <summary>The same with the left side in shared memory, by rows of k.</summary>
    public static void Multiply(int first, int columns, long a, long b, int accumulate) =>
        Multiply(first, first + (columns / 2) - 1, columns, a, b, accumulate);

    /// <summary>The same; <paramref name="last"/> is the last sum.</summary>
    [IntrinsicImplementation]
    [Ptx("{ .reg .pred more; setp.ne.b32 more, #5, 0; wgmma.mma_async.sync.aligned.m64n@2k16.f32.bf16.bf16 {acc@0..@1}, #3, #4, more, 1, 1, 0, 0; }")]
    public static void Multiply(int first, int last, int columns, long a, long b, int accumulate)
    {
    }

    /// <summary>
    /// The fixed part of the descriptor of a tile whose rows are k, 64 columns of b each: 128-byte swizzle, eight rows in 1,024
    /// bytes, then the next eight (PTX ISA, "Matrix Descriptor").
    /// </summary>
    /// <param name="across">Bytes to the tile of the next 64 columns.</param>
    public static long Turned(int across) => (1L << 62) | (64L << 32) | ((long)(across >> 4) << 16);

    /// <summary>acc[0…31] = a · b of 16 of k, bf16 [64, 16] and, as <see cref="Turned"/> has it, [16, 64]; added where <paramref name="accumulate"/> is not 0.</summary>
    [IntrinsicImplementation]
    [Ptx("{ .reg .pred more; setp.ne.b32 more, #2, 0; wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {acc0..31}, #0, #1, more, 1, 1, 0, 1; }")]
    public static void MultiplyTurned(long a, long b, int accumulate)
    {
    }

    /// <summary>acc[first … last] += a · b of 16 of k: a of <see cref="LeftSides"/> of all four warps, b as <see cref="Turned"/> has it.</summary>
    /// <param name="first">A constant.</param>
    /// <param name="last">A constant, <paramref name="first"/> + <paramref name="columns"/> / 2 - 1.</param>
    /// <param name="columns">A constant.</param>
    /// <param name="left">The first of four registers, a constant.</param>
    /// <param name="b">A descriptor.</param>
    [IntrinsicImplementation]
    [Ptx("{ .reg .pred always; setp.eq.u32 always, 0, 0; wgmma.mma_async.sync.aligned.m64n@2k16.f32.bf16.bf16 {acc@0..@1}, "
        + "{left@3, left@3+1, left@3+2, left@3+3}, #4, always, 1, 1, 1; }")]
    public static void MultiplyTurned(int first, int last, int columns, int left, long b)
    {
    }

    /// <summary>Makes a group of the products since the last one (PTX ISA, "wgmma.commit_group").</summary>
    [IntrinsicImplementation]
    [Ptx("wgmma.commit_group.sync.aligned;")]
    public static void Commit()
    {
    }

    /// <summary>Waits until at most <paramref name="pending"/> groups of products are under way (PTX ISA, "wgmma.wait_group").</summary>
    /// <param name="pending">A constant.</param>
    [IntrinsicImplementation]
    [Ptx("wgmma.wait_group.sync.aligned @0;")]
    public static void Wait(int pending)
    {
    }

    /// <summary>Gives registers back, down to <paramref name="count"/> (PTX ISA, "setmaxnreg").</summary>
    /// <param name="count">A constant, a multiple of 8.</param>
    [IntrinsicImplementation]
    [Ptx("setmaxnreg.dec.sync.aligned.u32 @0;")]
    public static void ReleaseRegisters(int count)
    {
    }

    /// <summary>Waits for registers that others gave back, up to <paramref name="count"/>.</summary>
    /// <param name="count">A constant, a multiple of 8.</param>
    [IntrinsicImplementation]
    [Ptx("setmaxnreg.inc.sync.aligned.u32 @0;")]
    public static void TakeRegisters(int count)
    {
    }

    /// <summary>A barrier of 128 threads (PTX ISA, "bar").</summary>
    /// <param name="number">1…15; the group's own barrier is 0.</param>
    [IntrinsicImplementation]
    [Ptx("bar.sync #0, 128;")]
    public static void Barrier(int number)
    {
    }

    /// <summary>A barrier of four warp groups.</summary>
    /// <param name="number">1…15; the group's own barrier is 0.</param>
    [IntrinsicImplementation]
    [Ptx("bar.sync #0, 512;")]
    public static void BarrierOfFour(int number)
    {
    }

    /// <summary>Waits until the other of two warp groups has said <see cref="Let"/> of the same number (PTX ISA, "bar.sync").</summary>
    /// <param name="number">1…15; the group's own barrier is 0.</param>
    [IntrinsicImplementation]
    [Ptx("bar.sync #0, 256;")]
    public static void Await(int number)
    {
    }

    /// <summary>Lets the other of two warp groups go on, once, and goes on itself (PTX ISA, "bar.arrive").</summary>
    /// <param name="number">What that one awaits.</param>
    [IntrinsicImplementation]
    [Ptx("bar.arrive #0, 256;")]
    public static void Let(int number)
    {
    }
}
