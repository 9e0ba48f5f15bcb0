using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>count_one: tells the host how far a stream has come.</summary>
public static class CountOne
{
    /// <summary>
    /// kept += 1, after everything before on the stream, and shown = kept. One stream alone counts, so nothing comes between
    /// the read and the write; where kept lies in the device's memory the host's, which is far, is only written.
    /// </summary>
    [Kernel("count_one", 32, groups: "1")]
    [Cuda("sm_80")]
    public static void Run([Shape("1")] ArrayView<int> kept, [Shape("1")] ArrayView<int> shown)
    {
        DependentLaunch.Allow();
        DependentLaunch.Wait();
        if (Group.IdxX == 0)
        {
            int count = WideAccess.Fresh(ref kept[0]) + 1;
            kept[0] = count;
            SystemMemory.Post(ref shown[0], count);
        }
    }
}
