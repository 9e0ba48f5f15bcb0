using System.Numerics;
using System.Runtime.Intrinsics;
using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The probes on the CPU: an item is some of the parts, and as much of the memory.</summary>
internal sealed unsafe class ProbesCpu(CpuBackend backend) : Probes
{
    /// <inheritdoc/>
    public override int Parts => 256;

    /// <inheritdoc/>
    public override int FlopsPerRound => 2 * IVec<VecScalar>.Lanes * ProbeArguments.Chains;

    /// <inheritdoc/>
    public override void Copy(Tensor source, Tensor target)
    {
        if (source.Type != target.Type || source.Shape != target.Shape || !source.IsContiguous || !target.IsContiguous)
        {
            throw new ArgumentException($"cannot copy {source} to {target}: expected the same type and shape, and contiguous rows", nameof(target));
        }

        // Whole pages, so that no two threads write to one.
        const long page = 4096;
        long share = (source.Bytes + Parts - 1) / Parts, chunk = (share + page - 1) / page * page;
        Run(new ProbeArguments { Kind = ProbeKind.Copy, Source = source.Address, Target = target.Address, Bytes = source.Bytes, Chunk = chunk }, Parts);
    }

    private protected override void LaunchRead(Tensor words, Tensor parts) => Run(
        new ProbeArguments { Kind = ProbeKind.Read, Source = words.Address, Target = parts.Address, Chunk = words.Bytes / parts.Shape.Count },
        (int)parts.Shape.Count);

    private protected override void LaunchMultiplyAdd(Tensor start, float factor, float term, int rounds, Tensor output) => Run(
        new ProbeArguments { Kind = ProbeKind.MultiplyAdd, Source = start.Address, Target = output.Address, Factor = factor, Term = term, Rounds = rounds },
        (int)output.Shape.Count);

    private void Run(ProbeArguments arguments, int items) => backend.Run(CpuKernel.Probe, &arguments, items, int.MaxValue);
}

/// <summary>Which probe.</summary>
internal enum ProbeKind
{
    Read,
    Copy,
    MultiplyAdd,
}

/// <summary>What <see cref="ProbeBody{V}"/> reads.</summary>
internal struct ProbeArguments
{
    /// <summary>Chains of sixteen lanes; fewer registers hold half of them at a time.</summary>
    public const int Chains = 12;

    public ProbeKind Kind;
    public nint Source;
    public nint Target;
    public long Bytes;
    public long Chunk;
    public float Factor;
    public float Term;
    public int Rounds;
}

/// <summary>The body of <see cref="ProbesCpu"/>.</summary>
internal static unsafe class ProbeBody<V> where V : struct, IVec<V>
{
    public static void Run(ProbeArguments* a, int begin, int end)
    {
        for (int item = begin; item < end; item++)
        {
            switch (a->Kind)
            {
                case ProbeKind.Read:
                    ((int*)a->Target)[item] = Read((ulong*)(a->Source + (nint)(item * a->Chunk)), a->Chunk / sizeof(ulong));
                    break;
                case ProbeKind.Copy:
                    long first = long.Min(item * a->Chunk, a->Bytes), bytes = long.Min(a->Chunk, a->Bytes - first);
                    Buffer.MemoryCopy((void*)(a->Source + (nint)first), (void*)(a->Target + (nint)first), bytes, bytes);
                    break;
                default:
                    ((float*)a->Target)[item] = MultiplyAdd(((float*)a->Source)[item], a);
                    break;
            }
        }
    }

    // The words are a multiple of eight: WordsPerPart i32.
    private static int Read(ulong* words, long count)
    {
        Vector512<ulong> a = default, b = default, c = default, d = default;
        long i = 0;
        for (; i + 32 <= count; i += 32)
        {
            a ^= Vector512.Load(words + i);
            b ^= Vector512.Load(words + i + 8);
            c ^= Vector512.Load(words + i + 16);
            d ^= Vector512.Load(words + i + 24);
        }

        for (; i < count; i += 8)
        {
            a ^= Vector512.Load(words + i);
        }

        Vector512<ulong> all = a ^ b ^ c ^ d;
        ulong folded = 0;
        for (int lane = 0; lane < Vector512<ulong>.Count; lane++)
        {
            folded ^= all[lane];
        }

        return (int)(folded ^ BitOperations.RotateRight(folded, 32));
    }

    private static float MultiplyAdd(float start, ProbeArguments* a) => V.Registers >= 24
        ? Twelve(start, 0, a)
        : Six(start, 0, a) + Six(start, 6, a);

    private static float Twelve(float start, int first, ProbeArguments* a)
    {
        V factor = V.Broadcast(a->Factor), term = V.Broadcast(a->Term);
        V c0 = V.Broadcast(start + first), c1 = V.Broadcast(start + first + 1), c2 = V.Broadcast(start + first + 2), c3 = V.Broadcast(start + first + 3);
        V c4 = V.Broadcast(start + first + 4), c5 = V.Broadcast(start + first + 5), c6 = V.Broadcast(start + first + 6), c7 = V.Broadcast(start + first + 7);
        V c8 = V.Broadcast(start + first + 8), c9 = V.Broadcast(start + first + 9), c10 = V.Broadcast(start + first + 10), c11 = V.Broadcast(start + first + 11);
        for (int round = 0; round < a->Rounds; round++)
        {
            c0 = V.Fma(c0, factor, term);
            c1 = V.Fma(c1, factor, term);
            c2 = V.Fma(c2, factor, term);
            c3 = V.Fma(c3, factor, term);
            c4 = V.Fma(c4, factor, term);
            c5 = V.Fma(c5, factor, term);
            c6 = V.Fma(c6, factor, term);
            c7 = V.Fma(c7, factor, term);
            c8 = V.Fma(c8, factor, term);
            c9 = V.Fma(c9, factor, term);
            c10 = V.Fma(c10, factor, term);
            c11 = V.Fma(c11, factor, term);
        }

        return V.Sum(c0 + c1 + c2 + (c3 + c4 + c5) + (c6 + c7 + c8 + (c9 + c10 + c11)));
    }

    private static float Six(float start, int first, ProbeArguments* a)
    {
        V factor = V.Broadcast(a->Factor), term = V.Broadcast(a->Term);
        V c0 = V.Broadcast(start + first), c1 = V.Broadcast(start + first + 1), c2 = V.Broadcast(start + first + 2);
        V c3 = V.Broadcast(start + first + 3), c4 = V.Broadcast(start + first + 4), c5 = V.Broadcast(start + first + 5);
        for (int round = 0; round < a->Rounds; round++)
        {
            c0 = V.Fma(c0, factor, term);
            c1 = V.Fma(c1, factor, term);
            c2 = V.Fma(c2, factor, term);
            c3 = V.Fma(c3, factor, term);
            c4 = V.Fma(c4, factor, term);
            c5 = V.Fma(c5, factor, term);
        }

        return V.Sum(c0 + c1 + c2 + (c3 + c4 + c5));
    }
}
