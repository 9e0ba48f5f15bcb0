using ILGPU.IR.Intrinsics;

namespace Lean.Kernels.Device;

/// <summary>Copies to shared memory that threads start and later wait for (PTX ISA, "cp.async"); since sm_80.</summary>
[CudaInstructions]
public static class CopyAsync
{
    /// <summary>Copies 16 bytes past L1. Both addresses are multiples of 16.</summary>
    /// <param name="shared">Where to.</param>
    /// <param name="source">Where from; must be inside the tensor even where nothing is read.</param>
    /// <param name="bytes">Bytes that are read; the others become zero.</param>
    [IntrinsicImplementation]
    [Ptx("cp.async.cg.shared.global [#0], [#1], 16, #2;")]
    public static void Sixteen(uint shared, ref ushort source, int bytes)
    {
    }

    /// <summary>The same of what is read once: L2 may forget it first, and keeps what is read again.</summary>
    [IntrinsicImplementation]
    [Ptx("{ .reg .b64 first; createpolicy.fractional.L2::evict_first.b64 first; cp.async.cg.shared.global.L2::cache_hint [#0], [#1], 16, #2, first; }")]
    public static void SixteenOnce(uint shared, ref ushort source, int bytes)
    {
    }

    /// <summary>Copies 16 bytes past L1. Both addresses are multiples of 16.</summary>
    /// <param name="shared">Where to.</param>
    /// <param name="source">Where from.</param>
    [IntrinsicImplementation]
    [Ptx("cp.async.cg.shared.global [#0], [#1], 16, 16;")]
    public static void Sixteen(uint shared, ref float source)
    {
    }

    /// <summary>Copies 16 bytes past L1. Both addresses are multiples of 16.</summary>
    /// <param name="shared">Where to.</param>
    /// <param name="source">Where from; must be inside the tensor even where nothing is read.</param>
    /// <param name="bytes">Bytes that are read; the others become zero.</param>
    [IntrinsicImplementation]
    [Ptx("cp.async.cg.shared.global [#0], [#1], 16, #2;")]
    public static void Sixteen(uint shared, ref float source, int bytes)
    {
    }

    /// <summary>
    /// Arrives at a barrier when all copies that this thread has started are done (PTX ISA, "cp.async.mbarrier.arrive", noinc:
    /// the barrier counts each thread once).
    /// </summary>
    [IntrinsicImplementation]
    [Ptx("cp.async.mbarrier.arrive.noinc.shared.b64 [#0];")]
    public static void Arrive(uint barrier)
    {
    }

    /// <summary>Makes a group of the copies since the last one (PTX ISA, "cp.async.commit_group"); it may be empty.</summary>
    [IntrinsicImplementation]
    [Ptx("cp.async.commit_group;")]
    public static void Commit()
    {
    }

    /// <summary>Waits until at most <paramref name="pending"/> groups are under way (PTX ISA, "cp.async.wait_group").</summary>
    /// <param name="pending">A constant.</param>
    [IntrinsicImplementation]
    [Ptx("cp.async.wait_group @0;")]
    public static void Wait(int pending)
    {
    }
}
