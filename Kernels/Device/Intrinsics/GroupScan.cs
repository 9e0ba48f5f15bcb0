using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>Running sums over the threads of a group.</summary>
public static class GroupScan
{
    /// <summary>
    /// Σ over the threads up to and with this one. <paramref name="shared"/> holds an int per thread and keeps all sums, the
    /// last of them the total; the call begins and ends with a barrier.
    /// </summary>
    public static int Through(ArrayView<int> shared, int value)
    {
        int thread = Group.IdxX;
        Group.Barrier();
        shared[thread] = value;
        for (int step = 1; step < Group.DimX; step *= 2)
        {
            Group.Barrier();
            int below = thread >= step ? shared[thread - step] : 0;
            Group.Barrier();
            shared[thread] += below;
        }

        Group.Barrier();
        return shared[thread];
    }

    /// <summary>The same for 64 bits.</summary>
    public static long Through(ArrayView<long> shared, long value)
    {
        int thread = Group.IdxX;
        Group.Barrier();
        shared[thread] = value;
        for (int step = 1; step < Group.DimX; step *= 2)
        {
            Group.Barrier();
            long below = thread >= step ? shared[thread - step] : 0;
            Group.Barrier();
            shared[thread] += below;
        }

        Group.Barrier();
        return shared[thread];
    }
}
