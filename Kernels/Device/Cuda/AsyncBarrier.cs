using ILGPU.IR.Intrinsics;

namespace Lean.Kernels.Device;

/// <summary>
/// Barriers of 8 bytes in shared memory that count arrivals and bytes of copies (PTX ISA, "mbarrier"); since sm_90. A phase
/// ends when all have arrived and all expected bytes have come; phases have parity 0, 1, 0, …
/// </summary>
[CudaInstructions]
public static class AsyncBarrier
{
    /// <summary>Makes a barrier of <paramref name="arrivals"/> (mbarrier.init).</summary>
    [IntrinsicImplementation]
    [Ptx("mbarrier.init.shared::cta.b64 [#0], #1;")]
    public static void Initialize(uint barrier, int arrivals)
    {
    }

    /// <summary>Shows new barriers to the copy engine (fence.mbarrier_init, fence.proxy.async); a group barrier must follow.</summary>
    [IntrinsicImplementation]
    [Ptx("fence.mbarrier_init.release.cluster; fence.proxy.async.shared::cta;")]
    public static void FenceInitialized()
    {
    }

    /// <summary>Arrives (mbarrier.arrive).</summary>
    [IntrinsicImplementation]
    [Ptx("{ .reg .b64 state; mbarrier.arrive.shared::cta.b64 state, [#0]; }")]
    public static void Arrive(uint barrier)
    {
    }

    /// <summary>Arrives for a warp or a warp group whose threads are done together: the first of them does.</summary>
    /// <param name="barrier">The barrier.</param>
    /// <param name="own">The thread's place among them.</param>
    public static void ArriveFirst(uint barrier, int own)
    {
        if (own == 0)
        {
            Arrive(barrier);
        }
    }

    /// <summary>Expects bytes of copies in this phase, and arrives (mbarrier.arrive.expect_tx).</summary>
    [IntrinsicImplementation]
    [Ptx("{ .reg .b64 state; mbarrier.arrive.expect_tx.shared::cta.b64 state, [#0], #1; }")]
    public static void ArriveExpecting(uint barrier, int bytes)
    {
    }

    /// <summary>
    /// Waits for the end of the phase of a parity (mbarrier.try_wait.parity). A new barrier's phase before its first counts
    /// as ended, so the first wait for parity 1 returns at once.
    /// </summary>
    [IntrinsicImplementation]
    [Ptx("{ .reg .pred done; AGAIN: mbarrier.try_wait.parity.shared::cta.b64 done, [#0], #1; @done bra ENDED; bra AGAIN; ENDED: }")]
    public static void Wait(uint barrier, int parity)
    {
    }
}
