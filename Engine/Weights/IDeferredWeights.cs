using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>Weights that never are in the host's memory: a binder gives out addresses that only name them.</summary>
internal interface IDeferredWeights
{
    /// <summary>Promises what a range of addresses would hold.</summary>
    void Promise(nint address, long bytes, ulong key, SyntheticDistribution distribution);

    /// <summary>Names a slice of a weight by addresses of its own, which stay the caller's.</summary>
    /// <param name="whole">What a binder gave out.</param>
    /// <param name="slice">The slice.</param>
    /// <param name="address">As many bytes as the slice has.</param>
    /// <returns>Whether it is such a weight; if not, the host's memory holds it.</returns>
    bool TryPromise(Tensor whole, in WeightSlice slice, nint address);

    /// <summary>Queues that a weight, or part of one, is made on the device.</summary>
    /// <param name="named">What a binder gave out, a slice of it that was promised, or a contiguous part of either.</param>
    /// <param name="device">bf16 of the same extents, on the device.</param>
    /// <returns>Whether it is such a weight; if not, the host's memory holds it.</returns>
    bool TryMake(Tensor named, Tensor device);
}
