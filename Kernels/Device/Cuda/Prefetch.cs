using ILGPU.IR.Intrinsics;

namespace Lean.Kernels.Device;

/// <summary>Asks for memory that is needed soon.</summary>
[CudaInstructions]
public static class Prefetch
{
    /// <summary>
    /// Brings memory into L2 (PTX ISA, "cp.async.bulk.prefetch"), from Hopper on; the address and the size are multiples of
    /// 16. It reads nothing for the thread, so what an earlier kernel still writes may be asked for before it is waited for.
    /// </summary>
    [IntrinsicImplementation]
    [Ptx("cp.async.bulk.prefetch.L2.global [#0], #1;")]
    public static void ToL2(ref float source, int bytes)
    {
    }

    /// <summary>Likewise.</summary>
    [IntrinsicImplementation]
    [Ptx("cp.async.bulk.prefetch.L2.global [#0], #1;")]
    public static void ToL2(ref ushort source, int bytes)
    {
    }
}
