using ILGPU.IR.Intrinsics;

namespace Lean.Kernels.Device;

/// <summary>
/// Hands out work by a count in memory, to whichever group is free (PTX ISA, "atom"). Groups get it in no order that anybody knows:
/// it is for work that comes out the same whoever does it, and for nothing that is added up.
/// </summary>
[CudaInstructions]
public static class WorkCounter
{
    /// <summary>Takes the next number.</summary>
    /// <param name="taken">How many have been taken; a kernel before has made it 0.</param>
    [IntrinsicImplementation]
    [Ptx("atom.relaxed.gpu.global.add.u32 $0, [#0], 1;")]
    public static int Take(ref int taken) => taken;
}
