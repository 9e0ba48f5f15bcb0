using Lean.Engine.Caches;
using Lean.Engine.Models;
using Lean.Kernels;

namespace Lean.Engine.Running;

/// <summary>What there is room for.</summary>
/// <param name="Free">Bytes that are free.</param>
/// <param name="Total">Bytes in all.</param>
/// <param name="IsHost">Whether they are the host's.</param>
/// <param name="Device">Whose they are, as messages name it.</param>
/// <param name="Plain">What caches take.</param>
/// <param name="Drafting">What they take where the MTP head drafts.</param>
/// <param name="Step">What a step takes beside them.</param>
internal readonly record struct CacheRoom(long Free, long Total, bool IsHost, string Device, CacheSizes Plain, CacheSizes Drafting, StepSizes Step)
{
    /// <summary>Bytes of what the MTP head's drafts are chosen by, beside the model.</summary>
    public long DraftHead { get; init; }

    /// <summary>That of a model.</summary>
    /// <param name="model">The model, loaded: of a rank's part, the part.</param>
    /// <param name="ops">The ops it runs on.</param>
    /// <param name="sharing">Ranks that share the memory.</param>
    public static CacheRoom Of(DecoderModel model, KernelSet ops, int sharing = 1) => new(
        ops.Device.FreeMemory / sharing,
        ops.Device.TotalMemory / sharing,
        ops.Stream is null,
        sharing == 1 ? ops.Device.Name : $"each of {sharing} ranks of {ops.Device.Name}",
        CacheSizes.Of(model.Config, ops.CacheType),
        CacheSizes.Of(model.Config, ops.CacheType, withMtp: true),
        StepSizes.Of(model, ops))
    {
        DraftHead = model.EightBitHeadBytes,
    };

    /// <summary>What there is room for on each of two ranks.</summary>
    public static CacheRoom Least(in CacheRoom a, in CacheRoom b) => (a.Free <= b.Free ? a : b) with
    {
        Plain = Larger(a.Plain, b.Plain),
        Drafting = Larger(a.Drafting, b.Drafting),
        Step = StepSizes.Larger(a.Step, b.Step),
        DraftHead = long.Max(a.DraftHead, b.DraftHead),
    };

    private static CacheSizes Larger(CacheSizes a, CacheSizes b) => new(long.Max(a.Block, b.Block), long.Max(a.State, b.State));
}
