using Lean.Comm;
using Lean.Engine.Caches;
using Lean.Engine.Layers;
using Lean.Engine.Running;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Ranks;

/// <summary>Brings together what a step gave on each replica: the ranks of one place in all replicas gather it, in words of 32 bits.</summary>
/// <param name="peers">The other ranks.</param>
/// <param name="plan">The replicas' caches.</param>
/// <param name="ops">The ops of the rank, in whose memory words travel.</param>
internal sealed class RankResults(Peers peers, CachePlan plan, KernelSet ops) : IDisposable
{
    private readonly Arena _arena = new();
    private readonly Arena _travelling = new(ops.Device, ops.Stream);
    private Tensor _all;

    /// <summary>Gathers a step's results; every rank calls it.</summary>
    /// <param name="step">What all ranks know of the step.</param>
    /// <param name="own">What the rank's replica gave, on the host.</param>
    public void Gather(RankStep step, in StepOutput own)
    {
        long words = 0;
        foreach (int count in step.ResultWords)
        {
            words += count;
        }

        _arena.Begin();
        Tensor packed = _arena.I32(step.ResultWords[peers.Layout.DataRank(peers.Rank)], 1);
        _all = _arena.I32(words, 1);
        long place = 0;
        foreach (Tensor part in (ReadOnlySpan<Tensor>)[own.Faults, own.Tokens, own.LogProbabilities, own.Accepted, own.Listed, own.ListedValues, own.Drafted])
        {
            if (!part.IsEmpty)
            {
                Words(part).CopyTo(packed.AsSpan<int>()[(int)place..]);
                place += part.Shape.Count;
            }
        }

        if (place != packed.Shape.Count)
        {
            throw new InvalidOperationException($"a step gave {place} words, where {packed.Shape.Count} were expected");
        }

        if (!peers.OnDevice)
        {
            peers.Gather(GroupKind.Data, CollectivePurpose.Result, layer: -1, packed, _all);
            return;
        }

        _travelling.Begin();
        Tensor sent = _travelling.Like(packed), received = _travelling.Like(_all);
        ops.Queue.CopyToDevice(packed, sent);
        peers.Gather(GroupKind.Data, CollectivePurpose.Result, layer: -1, sent, received);
        ops.Queue.CopyToHost(received, _all);
        ops.Queue.Synchronize();
    }

    /// <summary>What a replica gave, of what was gathered last.</summary>
    /// <param name="step">The step.</param>
    /// <param name="replica">The replica.</param>
    /// <param name="extent">How large its part of the step was.</param>
    /// <param name="results">Memory of the host, begun anew.</param>
    public StepOutput Of(RankStep step, int replica, in StepExtent extent, Arena results)
    {
        int place = 0;
        for (int before = 0; before < replica; before++)
        {
            place += step.ResultWords[before];
        }

        results.Begin();
        int listed = extent.Listed;
        Tensor faults = Take(DType.I32, extent.Rows, 1), tokens = Take(DType.I32, extent.Choices.Outputs, 1), values = Take(DType.F32, extent.Choices.Outputs, 1);
        Tensor accepted = Take(DType.I32, extent.Entries, 1), listedTokens = Take(DType.I32, listed, 1), listedValues = Take(DType.F32, listed, 1);
        Tensor drafted = Take(DType.I32, extent.Drafted, plan.Slots);
        return new StepOutput
        {
            Faults = Vector(faults),
            Tokens = Vector(tokens),
            LogProbabilities = Vector(values),
            Accepted = Vector(accepted),
            Listed = listed == 0 ? default : listedTokens.Reshape(new Shape(extent.Choices.Listed, listed / extent.Choices.Listed)),
            ListedValues = listed == 0 ? default : listedValues.Reshape(new Shape(extent.Choices.Listed, listed / extent.Choices.Listed)),
            Drafted = drafted,
        };

        Tensor Take(DType type, int rows, int columns)
        {
            Tensor target = type == DType.F32 ? results.F32(rows, columns) : results.I32(rows, columns);
            _all.AsSpan<int>().Slice(place, rows * columns).CopyTo(Words(target));
            place += rows * columns;
            return target;
        }
    }

    public void Dispose()
    {
        _arena.Dispose();
        _travelling.Dispose();
    }

    private static Tensor Vector(Tensor column) => column.Reshape(new Shape(column.Shape[0]));

    // The bits of i32 and f32 alike.
    private static Span<int> Words(Tensor tensor) => new Tensor(DType.I32, new Shape(tensor.Shape.Count), tensor.Address).AsSpan<int>();
}
