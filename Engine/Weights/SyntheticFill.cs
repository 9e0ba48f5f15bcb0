using System.Runtime.InteropServices;
using System.Text;

namespace Lean.Engine.Weights;

/// <summary>
/// Fills memory with values that depend on nothing but a seed, a name and each value's index: word i of four values is
/// SplitMix64 (Steele, Lea and Flood 2014) of key + i·γ, so any part can be filled by any thread in any order.
/// </summary>
internal static unsafe class SyntheticFill
{
    private const ulong Gamma = 0x9e3779b97f4a7c15;
    private const int PerWord = 4;
    private const long ChunkWords = 1 << 17;

    /// <summary>Fills <paramref name="count"/> bf16 values.</summary>
    public static void Fill(nint address, long count, ulong key, SyntheticDistribution distribution, int threads)
    {
        long words = count / PerWord;
        long chunks = (words + ChunkWords - 1) / ChunkWords;
        if (chunks <= 1 || threads <= 1)
        {
            FillWords((ulong*)address, 0, words, key, distribution.Table);
        }
        else
        {
            Parallel.For(0, chunks, new ParallelOptions { MaxDegreeOfParallelism = threads }, c =>
                FillWords((ulong*)address, c * ChunkWords, long.Min(words, (c + 1) * ChunkWords), key, distribution.Table));
        }

        ulong last = Word(key, words, distribution.Table);
        for (long i = words * PerWord; i < count; i++)
        {
            ((ushort*)address)[i] = (ushort)last;
            last >>= 16;
        }
    }

    /// <summary>A tensor's key: FNV-1a of its name's bytes, from the seed on.</summary>
    public static ulong Key(ulong seed, string name)
    {
        ulong hash = Mix(seed) ^ 0xcbf29ce484222325;
        foreach (byte b in Encoding.UTF8.GetBytes(name))
        {
            hash = (hash ^ b) * 0x100000001b3;
        }

        return Mix(hash);
    }

    private static void FillWords(ulong* target, long start, long end, ulong key, ushort[] table)
    {
        for (long i = start; i < end; i++)
        {
            target[i] = Word(key, i, table);
        }
    }

    private static ulong Word(ulong key, long index, ushort[] table)
    {
        const int Mask = (1 << SyntheticDistribution.Bits) - 1;
        ref ushort values = ref MemoryMarshal.GetArrayDataReference(table);
        ulong random = Mix(key + ((ulong)index * Gamma));

        // Every index is masked to the table's length, so none of the look-ups needs a bounds check.
        return At(ref values, (int)random & Mask)
            | (At(ref values, (int)(random >> 16) & Mask) << 16)
            | (At(ref values, (int)(random >> 32) & Mask) << 32)
            | (At(ref values, (int)(random >> 48) & Mask) << 48);
    }

    private static ulong At(ref ushort values, int index) => System.Runtime.CompilerServices.Unsafe.Add(ref values, index);

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
}
