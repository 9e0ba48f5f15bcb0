using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// Random bf16 weights made where they are used: value i is table[12 bits of word i / 4], and word w is SplitMix64
/// (Steele, Lea and Flood 2014) of key + w·γ. The engine's host code makes the same values, which tests compare.
/// </summary>
/// <param name="stream">Where the kernel is queued.</param>
public sealed class SyntheticWeightsDevice(KernelStream stream)
{
    /// <summary>Queues the filling of a tensor.</summary>
    /// <param name="table">bf16 [4096], on the device.</param>
    /// <param name="output">bf16 [N], on the device.</param>
    /// <param name="key">The key.</param>
    /// <param name="start">The index of the output's first value.</param>
    public void Fill(Tensor table, Tensor output, ulong key, long start)
    {
        ulong first = checked((ulong)start);
        SyntheticWeightsLauncher.Launch(stream, table, output, (int)key, (int)(key >> 32), (int)first, (int)(first >> 32));
    }
}
