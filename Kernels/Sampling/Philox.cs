namespace Lean.Kernels;

/// <summary>
/// Philox4x32-10, a counter-based generator: ten rounds of multiplication turn a counter of 128 bits and a key of 64
/// into 128 random bits, with no state between calls. Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as
/// easy as 1, 2, 3" (SC 2011).
/// </summary>
public static class Philox
{
    private const int Rounds = 10;
    private const ulong Multiplier0 = 0xD2511F53, Multiplier2 = 0xCD9E8D57;
    private const uint Weyl0 = 0x9E3779B9, Weyl1 = 0xBB67AE85;

    /// <summary>The four words of one counter under one key.</summary>
    public static (uint X0, uint X1, uint X2, uint X3) Block((uint X0, uint X1, uint X2, uint X3) counter, (uint K0, uint K1) key)
    {
        (uint x0, uint x1, uint x2, uint x3) = counter;
        (uint k0, uint k1) = key;
        for (int round = 0; round < Rounds; round++)
        {
            ulong p0 = Multiplier0 * x0, p2 = Multiplier2 * x2;
            (x0, x1, x2, x3) = ((uint)(p2 >> 32) ^ x1 ^ k0, (uint)p2, (uint)(p0 >> 32) ^ x3 ^ k1, (uint)p0);
            (k0, k1) = (unchecked(k0 + Weyl0), unchecked(k1 + Weyl1));
        }

        return (x0, x1, x2, x3);
    }

    /// <summary>
    /// The 64 random bits that choose the token at a position: key = the request's seed, counter = the position. Nothing
    /// else enters, so neither the step, nor the batch, nor preemption changes a draw.
    /// </summary>
    public static ulong Draw(ulong seed, long position)
    {
        (uint low, uint high, _, _) = Block(((uint)position, (uint)(position >> 32), 0, 0), ((uint)seed, (uint)(seed >> 32)));
        return ((ulong)high << 32) | low;
    }

    /// <summary>A draw as a number in [0, 1): its upper 53 bits.</summary>
    public static double Uniform(ulong draw) => (draw >> 11) * (1.0 / (1L << 53));
}
