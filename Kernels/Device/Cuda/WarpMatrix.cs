using ILGPU.IR.Intrinsics;

namespace Lean.Kernels.Device;

/// <summary>A warp's matrix product (PTX ISA, "Warp Level Matrix Multiply-Accumulate Instructions"); since sm_80.</summary>
[CudaInstructions]
public static class WarpMatrix
{
    /// <summary>
    /// Four 8 × 8 matrices of 16-bit elements from shared memory (PTX ISA, "ldmatrix"): lane l gives the address of row l &amp; 7
    /// of matrix l / 8, and gets elements 2·(l &amp; 3) and the next of row l / 4 of each.
    /// </summary>
    [IntrinsicImplementation]
    [Ptx("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {$0, $1, $2, $3}, [#0];")]
    public static U4 Load(uint shared) => default;

    /// <summary>The same, transposed ("ldmatrix", trans): lane l gets column l / 4 of each, of rows 2·(l &amp; 3) and the next.</summary>
    [IntrinsicImplementation]
    [Ptx("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {$0, $1, $2, $3}, [#0];")]
    public static U4 LoadTransposed(uint shared) => default;

    /// <summary>Four such matrices into shared memory, by rows (PTX ISA, "stmatrix"); since sm_90.</summary>
    [IntrinsicImplementation]
    [Ptx("stmatrix.sync.aligned.m8n8.x4.shared.b16 [#0], {#1, #2, #3, #4};")]
    public static void Store(uint shared, U4 matrices)
    {
    }

    /// <summary>
    /// The same, transposed ("stmatrix", trans): lane l gives the address of column l &amp; 7 of matrix l / 8, and has elements 2·(l &amp; 3) and the next of row l / 4 of each.
    /// </summary>
    [IntrinsicImplementation]
    [Ptx("stmatrix.sync.aligned.m8n8.x4.trans.shared.b16 [#0], {#1, #2, #3, #4};")]
    public static void StoreTransposed(uint shared, U4 matrices)
    {
    }

    /// <summary>
    /// acc[first … + 3] += a · b, bf16 16 × 16 by 16 × 8 (PTX ISA, "mma.sync.aligned.m16n8k16"). The sums of lane l are
    /// columns 2·(l &amp; 3) and the next of row l / 4, then of row l / 4 + 8.
    /// </summary>
    /// <param name="first">A constant.</param>
    /// <param name="a">Rows 0…7 and 8…15 of k 0…7, then of k 8…15.</param>
    /// <param name="b0">b of k 0…7, stored by columns.</param>
    /// <param name="b1">b of k 8…15.</param>
    [IntrinsicImplementation]
    [Ptx("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {acc@0, acc@0+1, acc@0+2, acc@0+3}, "
        + "{#1, #2, #3, #4}, {#5, #6}, {acc@0, acc@0+1, acc@0+2, acc@0+3};")]
    public static void Multiply(int first, U4 a, uint b0, uint b1)
    {
    }
}
