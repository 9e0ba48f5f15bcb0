using ILGPU.IR.Intrinsics;

namespace Lean.Kernels.Device;

/// <summary>Copies of tiles by the copy engine, "TMA" (PTX ISA, "cp.async.bulk.tensor"); since sm_90. One thread starts them.</summary>
[CudaInstructions]
public static class TensorCopy
{
    /// <summary>The address of the kernel's parameter number <paramref name="parameter"/>, a <see cref="TensorMap{T}"/> (cvta.param).</summary>
    /// <param name="parameter">A constant; the first parameter is 0.</param>
    [IntrinsicImplementation]
    [Ptx("mov.b64 $0, tensormap@0; cvta.param.u64 $0, $0;")]
    public static long Map(int parameter) => 0;

    /// <summary>Copies a tile to shared memory; its bytes count at <paramref name="barrier"/>, those outside of the tensor too.</summary>
    /// <param name="shared">Where to, a multiple of 1,024.</param>
    /// <param name="map">The tensor.</param>
    /// <param name="column">The tile's first column.</param>
    /// <param name="row">The tile's first row.</param>
    /// <param name="barrier">An <see cref="AsyncBarrier"/>.</param>
    [IntrinsicImplementation]
    [Ptx("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [#0], [#1, {#2, #3}], [#4];")]
    public static void Load(uint shared, long map, int column, int row, uint barrier)
    {
    }

    /// <summary>The same of what is read once: L2 may forget it first, and keeps what is read again.</summary>
    [IntrinsicImplementation]
    [Ptx("{ .reg .b64 first; createpolicy.fractional.L2::evict_first.b64 first; "
        + "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint [#0], [#1, {#2, #3}], [#4], first; }")]
    public static void LoadOnce(uint shared, long map, int column, int row, uint barrier)
    {
    }

    /// <summary>Copies what lies together to shared memory (PTX ISA, "cp.async.bulk"); its bytes count at <paramref name="barrier"/>.</summary>
    /// <param name="shared">Where to, a multiple of 16.</param>
    /// <param name="source">Where from, a multiple of 16.</param>
    /// <param name="bytes">A multiple of 16.</param>
    /// <param name="barrier">An <see cref="AsyncBarrier"/>.</param>
    [IntrinsicImplementation]
    [Ptx("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [#0], [#1], #2, [#3];")]
    public static void LoadRun(uint shared, ref ushort source, int bytes, uint barrier)
    {
    }

    /// <summary>The same of f32.</summary>
    [IntrinsicImplementation]
    [Ptx("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [#0], [#1], #2, [#3];")]
    public static void LoadRun(uint shared, ref float source, int bytes, uint barrier)
    {
    }

    /// <summary>The same of what many groups read beside a stream: L2 forgets it last.</summary>
    [IntrinsicImplementation]
    [Ptx("{ .reg .b64 last; createpolicy.fractional.L2::evict_last.b64 last; "
        + "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint [#0], [#1], #2, [#3], last; }")]
    public static void LoadRunKept(uint shared, ref float source, int bytes, uint barrier)
    {
    }

    /// <summary>
    /// Copies a tile from shared memory, as a group of its own (cp.async.bulk.commit_group). Every thread that wrote the tile
    /// has passed <see cref="CudaShared.FenceForAsync"/> and then a barrier.
    /// </summary>
    [IntrinsicImplementation]
    [Ptx("cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [#1, {#2, #3}], [#0]; cp.async.bulk.commit_group;")]
    public static void Store(uint shared, long map, int column, int row)
    {
    }

    /// <summary>
    /// Copies what lies together from shared memory, as a part of the thread's next <see cref="Commit"/>.
    /// Every thread that wrote it has passed <see cref="CudaShared.FenceForAsync"/> and then a barrier.
    /// </summary>
    /// <param name="shared">Where from, a multiple of 16.</param>
    /// <param name="target">Where to, a multiple of 16.</param>
    /// <param name="bytes">A multiple of 16.</param>
    [IntrinsicImplementation]
    [Ptx("cp.async.bulk.global.shared::cta.bulk_group [#1], [#0], #2;")]
    public static void StoreRun(uint shared, ref float target, int bytes)
    {
    }

    /// <summary>Makes a group of the stores since the last one, which may be empty (cp.async.bulk.commit_group).</summary>
    [IntrinsicImplementation]
    [Ptx("cp.async.bulk.commit_group;")]
    public static void Commit()
    {
    }

    /// <summary>
    /// Waits until at most <paramref name="pending"/> of this thread's stores still read shared memory
    /// (cp.async.bulk.wait_group.read).
    /// </summary>
    /// <param name="pending">A constant.</param>
    [IntrinsicImplementation]
    [Ptx("cp.async.bulk.wait_group.read @0;")]
    public static void WaitRead(int pending)
    {
    }
}
