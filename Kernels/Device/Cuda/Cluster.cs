using ILGPU.IR.Intrinsics;

namespace Lean.Kernels.Device;

/// <summary>
/// Groups that run side by side and reach each other's shared memory (PTX ISA, "Cluster of Cooperative Thread Arrays"), as many
/// as <see cref="InstanceAttribute.Cluster"/> says; since sm_90. All threads of all of them arrive, then all wait.
/// </summary>
[CudaInstructions]
public static class Cluster
{
    /// <summary>Says that what came before is done: what the thread read and wrote (PTX ISA, "barrier.cluster").</summary>
    [IntrinsicImplementation]
    [Ptx("barrier.cluster.arrive.release.aligned;")]
    public static void Arrive()
    {
    }

    /// <summary>Waits until all threads of the cluster have said so.</summary>
    [IntrinsicImplementation]
    [Ptx("barrier.cluster.wait.acquire.aligned;")]
    public static void Wait()
    {
    }

    /// <summary>Writes an f32 into the shared memory of a group of the cluster (PTX ISA, "mapa"), which must not have ended.</summary>
    /// <param name="shared">The address in the own window.</param>
    /// <param name="value">The number.</param>
    /// <param name="rank">The group's number within the cluster.</param>
    [IntrinsicImplementation]
    [Ptx("{ .reg .b32 there; mapa.shared::cluster.u32 there, #0, #2; st.shared::cluster.f32 [there], #1; }")]
    public static void Store(uint shared, float value, int rank)
    {
    }

    /// <summary>
    /// Sends an f32 into the shared memory of a group of the cluster and counts its bytes at a barrier there when it has come (PTX
    /// ISA, "st.async"): who waits at that barrier reads it, and nobody else waits for anything. The group must not have ended.
    /// </summary>
    /// <param name="shared">The address in the own window.</param>
    /// <param name="value">The number.</param>
    /// <param name="barrier">Likewise, the barrier's.</param>
    /// <param name="rank">The group's number within the cluster.</param>
    [IntrinsicImplementation]
    [Ptx("{ .reg .b32 there, mark; mapa.shared::cluster.u32 there, #0, #3; mapa.shared::cluster.u32 mark, #2, #3; st.async.shared::cluster.mbarrier::complete_tx::bytes.f32 [there], #1, [mark]; }")]
    public static void Send(uint shared, float value, uint barrier, int rank)
    {
    }
}
