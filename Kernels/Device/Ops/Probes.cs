using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>What a device does at best: plain reading, and multiplying with everything in registers. A thread per part.</summary>
public static class Probes
{
    private const int Threads = 256;
    private const int Chains = 16;
    private const int Steps = 4;

    /// <summary>parts[p] = the exclusive or of words p, p + P, p + 2P, …; N is a multiple of 16 P.</summary>
    [Kernel("probe_read", Threads, groups: "P/256")]
    public static void Read(
        [Shape("N")] ArrayView<int> words,
        [Shape("P")] ArrayView<int> parts,
        [Extent("N")] int count,
        [Extent("P")] int stride)
    {
        long part = ((long)Grid.IdxX * Threads) + Group.IdxX;
        int a = 0, b = 0, c = 0, d = 0;
        for (long i = part; i < count; i += 8L * stride)
        {
            a ^= words[i] ^ words[i + stride];
            b ^= words[i + (2L * stride)] ^ words[i + (3L * stride)];
            c ^= words[i + (4L * stride)] ^ words[i + (5L * stride)];
            d ^= words[i + (6L * stride)] ^ words[i + (7L * stride)];
        }

        parts[part] = a ^ b ^ c ^ d;
    }

    /// <summary>Sixteen chains of x ← x · factor + term; four steps of each a round.</summary>
    [Kernel("probe_multiply_add", Threads, groups: "P/256", Unroll = true)]
    public static void MultiplyAdd(
        [Shape("P")] ArrayView<float> start,
        [Shape("P")] ArrayView<float> output,
        float factor,
        float term,
        int rounds)
    {
        long part = ((long)Grid.IdxX * Threads) + Group.IdxX;
        float first = start[part];
        var chains = new float[Chains];
        for (int c = 0; c < Chains; c++)
        {
            chains[c] = first + c;
        }

        for (int round = 0; round < rounds; round++)
        {
            for (int step = 0; step < Steps; step++)
            {
                for (int c = 0; c < Chains; c++)
                {
                    chains[c] = Scalar.Fma(chains[c], factor, term);
                }
            }
        }

        float sum = 0;
        for (int c = 0; c < Chains; c++)
        {
            sum += chains[c];
        }

        output[part] = sum;
    }
}
