using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// The comparison of plans at the head of a step: 32 bytes per rank (step, digest, size). Where they differ, ranks exchange
/// the plans themselves, and each finds the same first difference.
/// </summary>
internal sealed class PlanAgreement : IDisposable
{
    private const int Fields = 4;
    private const int StepField = 0, DigestField = 1, SizeField = 2;

    private readonly int _ranks;
    private readonly HostBuffer _own;
    private readonly HostBuffer _all;
    private CollectivePlan? _plan;

    public PlanAgreement(ParallelLayout layout)
    {
        _ranks = layout.Ranks;
        (_own, _all) = (new HostBuffer(Fields * sizeof(long)), new HostBuffer(Fields * sizeof(long) * (long)_ranks));
        Own = _own.View(DType.I64, new Shape(1, Fields));
        All = _all.View(DType.I64, new Shape(_ranks, Fields));
        Head = PlannedCollective.AllGather(layout, GroupKind.World, DType.I64, [.. Enumerable.Repeat(1, _ranks)], Fields, purpose: CollectivePurpose.Plan);
    }

    /// <summary>The collective that compares.</summary>
    public PlannedCollective Head { get; }

    /// <summary>What this rank brings to it.</summary>
    public Tensor Own { get; }

    /// <summary>What all ranks brought.</summary>
    public Tensor All { get; }

    /// <summary>This rank's plan as bytes, once plans differ.</summary>
    public byte[] OwnPlan { get; private set; } = [];

    /// <summary>Fills in what this rank brings.</summary>
    public void Prepare(long step, CollectivePlan plan)
    {
        _plan = plan;
        Span<long> own = Own.AsSpan<long>();
        own[StepField] = step;
        own[DigestField] = (long)plan.Digest;
        own[SizeField] = plan.ByteCount;
    }

    /// <summary>Whether all ranks brought the same.</summary>
    public bool Agrees()
    {
        ReadOnlySpan<long> all = All.AsSpan<long>(), first = all[..Fields];
        for (int rank = 1; rank < _ranks; rank++)
        {
            if (!all.Slice(rank * Fields, Fields).SequenceEqual(first))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The collective that exchanges the plans themselves; every rank comes to it, since all have seen the same heads.</summary>
    public PlannedCollective Details(ParallelLayout layout)
    {
        OwnPlan = _plan!.ToBytes();
        return PlannedCollective.AllGather(
            layout, GroupKind.World, DType.I8, [.. Enumerable.Range(0, _ranks).Select(r => (int)Of(r, SizeField))], 1, purpose: CollectivePurpose.Plan);
    }

    /// <summary>Who differs from whom, and in what first.</summary>
    /// <param name="plans">All ranks' plans, one behind the other.</param>
    public string Difference(ReadOnlySpan<byte> plans)
    {
        var heads = new PlanHead[_ranks];
        int start = 0;
        for (int rank = 0; rank < _ranks; rank++)
        {
            int size = (int)Of(rank, SizeField);
            byte[] plan = plans.Slice(start, size).ToArray();
            heads[rank] = new PlanHead(rank, Of(rank, StepField), (ulong)Of(rank, DigestField), () => plan);
            start += size;
        }

        return PlanHead.Difference(heads);
    }

    public void Dispose()
    {
        _own.Dispose();
        _all.Dispose();
    }

    private long Of(int rank, int field) => All.AsSpan<long>()[(rank * Fields) + field];
}
