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
}
