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
    /// <param name="start">The index of the output's first value, in the tensor or in the slice of it.</param>
    /// <param name="width">Values of a slice that lie together in the tensor; 0 where they all do.</param>
    /// <param name="stride">The distance in the tensor from where one such run begins to where the next one does.</param>
    /// <param name="offset">The index in the tensor of the slice's first value.</param>
    public void Fill(Tensor table, Tensor output, ulong key, long start, int width = 0, int stride = 0, long offset = 0)
    {
        (ulong first, ulong from) = (checked((ulong)start), checked((ulong)offset));
        SyntheticWeightsLauncher.Launch(
            stream, table, output, (int)key, (int)(key >> 32), (int)first, (int)(first >> 32), width, stride, (int)from, (int)(from >> 32));
    }
}
