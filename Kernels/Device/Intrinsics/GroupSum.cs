using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// Reductions over the threads of a group through shared memory, by one fixed tree: the order never depends on the
/// device's warp width, so a row has the same bits everywhere the arithmetic is the same.
/// </summary>
public static class GroupSum
{
    /// <summary>
    /// Σ over all threads, returned to all. <paramref name="shared"/> holds a float per thread, and may be used again
    /// at once: the call begins and ends with a barrier.
    /// </summary>
    public static float All(ArrayView<float> shared, float value)
    {
        int thread = Group.IdxX;
        Group.Barrier();
        shared[thread] = value;
        for (int step = Group.DimX / 2; step > 0; step /= 2)
        {
            Group.Barrier();
            if (thread < step)
            {
                shared[thread] += shared[thread + step];
            }
        }

        Group.Barrier();
        return shared[0];
    }
}
