using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>count_one: tells the host how far a stream has come.</summary>
public static class CountOne
{
    /// <summary>
    /// counter += 1, after everything before on the stream. One stream alone counts a counter, so nothing comes between the
    /// read and the write.
    /// </summary>
    [Kernel("count_one", 32, groups: "1")]
    [Cuda("sm_80")]
    public static void Run([Shape("C")] ArrayView<int> counter)
    {
        DependentLaunch.Allow();
        DependentLaunch.Wait();
        if (Group.IdxX == 0)
        {
            SystemMemory.Publish(ref counter[0], WideAccess.Fresh(ref counter[0]) + 1);
        }
    }
}
