using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// How many of a prompt's entries (t, r) each expert has, chunk by chunk: a group counts one of 1,024, a thread for each expert.
/// <see cref="ExpertsPlan"/> gives them their places. Every entry is read from memory twice in all; <see cref="ExpertsSort"/>
/// reads it twice for every expert.
/// </summary>
public static class ExpertsCount
{
    /// <summary>Threads of a group.</summary>
    public const int Threads = 256;

    /// <summary>Entries of a chunk.</summary>
    public const int Chunk = 1024;

    /// <summary>Counts of each chunk; entries of experts that are not here count nowhere.</summary>
    [Kernel("experts_count", Threads, groups: "Chunks")]
    [Cuda("sm_80", SharedBytes = Chunk * sizeof(int))]
    public static void Run(
        [Shape("T", "K")] ArrayView<int> experts,
        [Shape("Chunks", "E")] ArrayView<int> counts,
        [Extent("T")] int rowCount,
        [Extent("K")] int topK,
        [Extent("E")] int expertCount,
        int firstExpert)
    {
        uint memory = CudaShared.Base();
        Load(memory, experts, Grid.IdxX, rowCount * topK, firstExpert, expertCount);
        for (int expert = Group.IdxX; expert < expertCount; expert += Threads)
        {
            int count = 0;
            for (int i = 0; i < Chunk; i += 4)
            {
                U4 met = CudaShared.Load4(memory + (uint)(i * sizeof(int)));
                count += ((int)met.X == expert ? 1 : 0) + ((int)met.Y == expert ? 1 : 0) + ((int)met.Z == expert ? 1 : 0) + ((int)met.W == expert ? 1 : 0);
            }

            counts[((long)Grid.IdxX * expertCount) + expert] = count;
        }
    }

    /// <summary>A chunk's experts into shared memory; what does not exist and those that are not here are one behind the last.</summary>
    public static void Load(uint memory, ArrayView<int> experts, int chunk, int entries, int firstExpert, int expertCount)
    {
        for (int own = Group.IdxX; own < Chunk; own += Threads)
        {
            int i = (chunk * Chunk) + own, expert = experts[Math.Min(i, entries - 1)] - firstExpert;
            bool isHere = i < entries && expert >= 0 && expert < expertCount;
            CudaShared.Store(memory + (uint)(own * sizeof(int)), (uint)(isHere ? expert : expertCount));
        }

        Group.Barrier();
    }
}
